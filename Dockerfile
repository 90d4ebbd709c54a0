# The bot as a container: docs/operations.md says how to run it, compose.yaml does.
#
#   docker build --tag wuerst .                        paints on the processor
#   docker build --tag wuerst:cuda --target cuda .     paints on GPUs of NVIDIA (x64)

FROM node:24.21.0-bookworm-slim AS build
RUN apt-get update \
 && apt-get install --yes --no-install-recommends g++ make python3 \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /opt/wuerst
# better-sqlite3 is compiled, against the headers of this image: nothing is fetched but what the lock file names.
ENV npm_config_build_from_source=better-sqlite3 \
    npm_config_nodedir=/usr/local
COPY package.json package-lock.json ./
RUN npm ci --omit=dev --no-audit --no-fund
COPY scripts/build.mjs scripts/
COPY data data
COPY src src
# onnxruntime comes with its libraries for every system.
RUN npm run build \
 && rm -r scripts src \
 && find node_modules/onnxruntime-node/bin -mindepth 3 -maxdepth 3 ! -path "*/linux/$(node -p process.arch)" -exec rm -r {} +

FROM node:24.21.0-bookworm-slim AS cpu
ARG VERSION=0.1.0
LABEL org.opencontainers.image.title="wuerst" \
      org.opencontainers.image.description="A chat bot that paints: Würstchen v2 text-to-image for Discord, Slack, the browser and the terminal" \
      org.opencontainers.image.version="$VERSION" \
      org.opencontainers.image.licenses="MIT"
COPY --from=build /opt/wuerst /opt/wuerst
RUN ln -s /opt/wuerst/dist/cli.js /usr/local/bin/wuerst \
 && install --directory --owner=1000 --group=1000 --mode=700 /data \
 && install --directory --owner=1000 --group=1000 /models
ENV WUERST_DATA=/data \
    WUERST_MODELS=/models \
    XDG_CACHE_HOME=/data/cache \
    HOME=/data
# A number, by which Kubernetes can tell that it is not root.
USER 1000:1000
WORKDIR /data
VOLUME ["/data", "/models"]
EXPOSE 3210
HEALTHCHECK --start-period=1m --timeout=5s CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.WUERST_WEB_PORT || 3210}/healthz`).then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["wuerst"]
CMD ["start"]

# onnxruntime's CUDA provider, which its own script fetches from api.nuget.org.
FROM build AS provider
RUN node dist/cli.js doctor --install-cuda

# What that provider and cuDNN load; cuDNN compiles some of its kernels by NVRTC.
FROM nvidia/cuda:13.0.1-cudnn-runtime-ubuntu24.04 AS libraries
WORKDIR /opt/cuda
RUN cp --no-dereference /usr/lib/x86_64-linux-gnu/libcudnn*.so.9* . \
 && for name in cudart cublas cublasLt curand cufft nvrtc nvrtc-builtins nvJitLink; do \
      cp --no-dereference /usr/local/cuda/lib64/lib$name.so.* . || exit 1; \
    done

FROM cpu AS cuda
COPY --from=libraries /opt/cuda /opt/cuda
COPY --from=provider /opt/wuerst/node_modules/onnxruntime-node /opt/wuerst/node_modules/onnxruntime-node
ENV LD_LIBRARY_PATH=/opt/cuda \
    NVIDIA_VISIBLE_DEVICES=all \
    NVIDIA_DRIVER_CAPABILITIES=compute,utility

# Without --target.
FROM cpu
