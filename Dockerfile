# The images of all services: `docker build --build-arg SERVICE=gateway --tag portico-gateway .`
#
# Nothing here needs BuildKit. All binaries are built by one command, so that the images share what it leaves
# behind; what is compiled of others' code is a layer of its own, which only a change of a Cargo.toml or of Cargo.lock
# makes anew. CI names both images by digest.
ARG RUST_IMAGE=rust:1-bookworm
ARG DEBIAN_IMAGE=debian:bookworm-slim

# The workspace without its code: manifests, and sources with nothing in them.
FROM ${RUST_IMAGE} AS manifests
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
WORKDIR /workspace
COPY . .
RUN set -eu; \
    mkdir /skeleton; \
    cp -r Cargo.toml Cargo.lock .cargo /skeleton; \
    for manifest in crates/*/Cargo.toml services/*/Cargo.toml templates/service/services/*/Cargo.toml; do \
        folder="/skeleton/$(dirname "$manifest")"; \
        mkdir -p "$folder/src" "$folder/benches"; \
        cp "$manifest" "$folder"; \
        : > "$folder/src/lib.rs"; \
        echo 'fn main() {}' > "$folder/src/main.rs"; \
        sed -n '/^\[\[bench\]\]/,/^$/s/^name = "\(.*\)"$/\1/p' "$manifest" | while read -r bench; do \
            echo 'fn main() {}' > "$folder/benches/$bench.rs"; \
        done; \
    done

FROM ${RUST_IMAGE} AS build
WORKDIR /workspace
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ENV CARGO_INCREMENTAL=0
# By it a binary says which crates it was made from: `cargo audit bin` tells years later what has become known of them.
RUN cargo install --locked cargo-auditable --version 0.7.7 --root /usr/local
COPY --from=manifests /skeleton .
RUN for path in services/*; do echo "--package=portico-${path#services/}"; done | xargs cargo auditable build --release --locked
COPY . .
# Cargo tells what has changed by its time, and what was copied can be older than the empty sources that were built.
RUN find crates services -name '*.rs' -exec touch {} + \
    && for path in services/*; do echo "--package=portico-${path#services/}"; done | xargs cargo auditable build --release --locked \
    && mkdir /binaries \
    && for path in services/*; do echo "target/release/portico-${path#services/}"; done | xargs cp --target-directory=/binaries

# What the image holds: the binary, the libraries it is linked with, certificate authorities, and an account.
FROM ${DEBIAN_IMAGE} AS root
SHELL ["/bin/bash", "-o", "pipefail", "-c"]
ARG SERVICE
COPY --from=build /binaries/portico-${SERVICE} /image/portico
COPY --from=build /etc/ssl/certs/ca-certificates.crt /image/etc/ssl/certs/ca-certificates.crt
COPY portico.toml /routes/portico.toml
RUN set -eu; \
    ldd /image/portico | grep -o '/[^ ]*' | while read -r library; do \
        mkdir -p "/image$(dirname "$library")"; \
        cp --dereference "$library" "/image$library"; \
    done; \
    # By this scanners know which version of what is in the image.
    mkdir -p /image/var/lib/dpkg/status.d; \
    for package in libc6 libgcc-s1; do dpkg --status "$package" > "/image/var/lib/dpkg/status.d/$package"; done; \
    echo 'portico:x:65532:65532:Portico:/:/usr/sbin/nologin' > /image/etc/passwd; \
    echo 'portico:x:65532:' > /image/etc/group; \
    if [ "$SERVICE" = gateway ]; then mkdir /image/etc/portico; cp /routes/portico.toml /image/etc/portico; fi

FROM scratch
ARG SERVICE
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="portico-${SERVICE}" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.source="https://github.com/portico-rs/portico" \
      org.opencontainers.image.licenses="MIT OR Apache-2.0"
COPY --from=root /image /
# Only the gateway reads it.
ENV PORTICO_TOML=/etc/portico/portico.toml
USER 65532:65532
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=5s --timeout=3s --start-period=30s --retries=3 CMD ["/portico", "health"]
ENTRYPOINT ["/portico"]
CMD ["serve"]
