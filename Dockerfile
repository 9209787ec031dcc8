# syntax=docker/dockerfile:1
# The image of one module, of several, or of all.
#
#   docker build --build-arg FEATURES=payments,kafka -t opencity-payments .
#   docker build -t opencity .                                          all modules
#
# docker-bake.hcl and scripts/images build them all, each tagged with its module's version.

ARG BUILD_IMAGE=docker.io/library/rust:1.95-slim-bookworm
ARG CERTIFICATES_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${CERTIFICATES_IMAGE} AS files
RUN apt-get update -qq && apt-get install -y -qq --no-install-recommends ca-certificates && rm -rf /var/lib/apt/lists/*
RUN mkdir -p /root-fs/etc/ssl/certs /root-fs/tmp /root-fs/var/lib/opencity \
    && cp /etc/ssl/certs/ca-certificates.crt /root-fs/etc/ssl/certs/ \
    && echo 'opencity:x:10001:10001:opencity:/var/lib/opencity:/sbin/nologin' >/root-fs/etc/passwd \
    && echo 'opencity:x:10001:' >/root-fs/etc/group \
    && chown 10001:10001 /root-fs/var/lib/opencity \
    && chmod 1777 /root-fs/tmp

FROM ${BUILD_IMAGE} AS build
WORKDIR /src
COPY scripts/setup scripts/sbom scripts/
RUN scripts/setup build && scripts/setup sbom && rm -rf /var/lib/apt/lists/*
COPY . .
ARG FEATURES=default,kafka
# A static program: glibc inside, so that the image needs no library. Dependencies and earlier builds are kept between
# builds, whatever the features.
ARG RUSTFLAGS="-C target-feature=+crt-static"
# `off` builds several times as fast, for a program that is somewhat larger and slower.
ARG LTO=thin
ENV CARGO_PROFILE_RELEASE_LTO=${LTO}
ENV RUSTFLAGS=${RUSTFLAGS} OPENSSL_STATIC=1 LIBZ_SYS_STATIC=1 CARGO_INCREMENTAL=0 CARGO_TERM_COLOR=never
RUN --mount=type=cache,id=opencity-registry,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,id=opencity-target,target=/src/target,sharing=locked \
    target="$(rustc --print host-tuple)" \
    && cargo build --release --locked --no-default-features --features "${FEATURES}" --target "${target}" \
    && mkdir -p /out/usr/share/opencity \
    && cp "target/${target}/release/opencity" /out/opencity \
    && scripts/sbom "${FEATURES}" >/out/usr/share/opencity/sbom.cdx.json \
    && cp LICENSE /out/usr/share/opencity/LICENSE

FROM scratch
COPY --from=files /root-fs/ /
COPY --from=build /out/ /
ARG FEATURES=default,kafka
ARG VERSION=0.1.0
ARG REVISION=unknown
LABEL org.opencontainers.image.title="opencity ${FEATURES}" \
    org.opencontainers.image.description="Digital services of Italian municipalities" \
    org.opencontainers.image.version="${VERSION}" \
    org.opencontainers.image.revision="${REVISION}" \
    org.opencontainers.image.source="https://github.com/opencity-italia/opencity" \
    org.opencontainers.image.documentation="https://github.com/opencity-italia/opencity/tree/main/docs" \
    org.opencontainers.image.licenses="EUPL-1.2" \
    it.opencity.features="${FEATURES}"
ENV OPENCITY__HTTP__LISTEN=0.0.0.0:8080 \
    OPENCITY__DATA_DIR=/var/lib/opencity \
    OPENCITY__LOG__FORMAT=json \
    OPENCITY__ENVIRONMENT=production \
    SSL_CERT_FILE=/etc/ssl/certs/ca-certificates.crt
# Nothing else is written: run it with a read-only root file system, and a tmpfs on /tmp.
VOLUME /var/lib/opencity
USER 10001:10001
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=6s --start-period=60s --retries=3 CMD ["/opencity", "healthcheck"]
ENTRYPOINT ["/opencity"]
CMD ["serve"]
