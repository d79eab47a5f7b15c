// Draws the diagrams of a page, if mermaid.min.js is there; without it their text is shown.
(() => {
  const diagrams = document.querySelectorAll("pre.mermaid");
  if (diagrams.length === 0) return;
  const script = document.createElement("script");
  script.src = `${path_to_root}book/mermaid.min.js`;
  script.onload = () => {
    const isDark = ["ayu", "coal", "navy"].some((theme) => document.documentElement.classList.contains(theme));
    mermaid.initialize({ startOnLoad: false, theme: isDark ? "dark" : "default" });
    mermaid.run({ nodes: diagrams });
  };
  document.head.append(script);
})();
