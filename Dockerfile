# The local server as a small image that runs as a normal user. Both base images can be others:
# docker compose build --build-arg RUST_IMAGE=… --build-arg RUNTIME_IMAGE=…
ARG RUST_IMAGE=rust:1.95-bookworm
ARG RUNTIME_IMAGE=gcr.io/distroless/cc-debian12:nonroot

FROM ${RUST_IMAGE} AS build
WORKDIR /source
COPY . .
RUN cargo build --locked --profile server --package server && mkdir -p /out/data && mv target/server/server /out

FROM ${RUNTIME_IMAGE}
COPY --from=build /out/server /usr/local/bin/server
# The server keeps its signing secret and its pepper here, unless JWT_SECRET_ID and PEPPER_SECRET_ID are set.
COPY --from=build --chown=65532:65532 /out/data /data
WORKDIR /data
VOLUME /data
USER 65532:65532
ENV HOST=0.0.0.0
EXPOSE 8000
ENTRYPOINT ["/usr/local/bin/server"]
