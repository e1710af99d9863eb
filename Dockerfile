# The shop, and beside it the programs that place orders and print alerts. All
# of them are static, so that nothing else is in the image, not even a shell.
FROM golang:1.26.8-bookworm AS build
ENV CGO_ENABLED=0 GOWORK=off
WORKDIR /src
COPY go.mod go.sum ./
COPY durable/go.mod durable/go.sum durable/
COPY examples/go.mod examples/go.sum examples/
COPY integrations/otelsetup/go.mod integrations/otelsetup/go.sum integrations/otelsetup/
RUN go -C examples mod download
COPY console console
COPY histogram histogram
COPY runner runner
COPY telemetry telemetry
COPY durable durable
COPY internal internal
COPY integrations/otelsetup integrations/otelsetup
COPY examples examples
RUN mkdir -p /out/data /out/tmp && go -C examples build -trimpath -ldflags='-s -w' -o /out/ ./shop ./load ./alerts

FROM scratch
COPY --from=build /etc/ssl/certs/ca-certificates.crt /etc/ssl/certs/
# A volume takes its owner from here.
COPY --from=build --chown=65532:65532 /out/data /data
COPY --from=build --chown=65532:65532 /out/tmp /tmp
COPY --from=build /out/shop /out/load /out/alerts /
# If a goroutine that a callback has started panics, the dump names the callback.
ENV GODEBUG=tracebacklabels=1
USER 65532:65532
EXPOSE 8080 8081
HEALTHCHECK --interval=5s --timeout=3s --start-period=10s CMD ["/shop", "-healthcheck"]
ENTRYPOINT ["/shop"]
CMD ["-addr", "0.0.0.0:8080", "-ops", "0.0.0.0:8081", "-db", "/data/shop.db"]
