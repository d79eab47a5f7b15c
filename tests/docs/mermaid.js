// Reads every Mermaid block of documents as GitHub's renderer does: node mermaid.js FILE…
import { readFileSync } from "node:fs";

import { JSDOM } from "jsdom";

const { window } = new JSDOM("");
Object.assign(globalThis, { window, document: window.document });
const { default: mermaid } = await import("mermaid");

let count = 0;
for (const path of process.argv.slice(2)) {
  for (const [, diagram] of readFileSync(path, "utf8").matchAll(/^```mermaid\n([\s\S]*?)^```$/gm)) {
    try {
      await mermaid.parse(diagram);
    } catch (error) {
      console.error(`${path}: ${error}`);
      process.exit(1);
    }
    count += 1;
  }
}
console.log(`${count} diagrams are read`);
