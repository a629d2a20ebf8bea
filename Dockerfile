# docker build --tag colliculus .                             for a CPU
# docker build --tag colliculus:cuda --build-arg DEVICE=cuda . for NVIDIA GPUs, run with --gpus all
ARG PYTHON=3.11

FROM python:${PYTHON}-slim AS build
RUN apt-get update && apt-get install --yes --no-install-recommends gcc libc6-dev && rm -rf /var/lib/apt/lists/*
COPY . /source
RUN pip wheel --no-cache-dir --no-deps --wheel-dir /wheels /source

FROM python:${PYTHON}-slim
ARG DEVICE=cpu
COPY --from=build /wheels /wheels
COPY constraints-cpu.txt /wheels/
# PyTorch's default build on Linux brings CUDA; Triton, which then computes the neurons, needs a C compiler when it runs.
RUN set -eu; case "$DEVICE" in \
      cpu) pip install --no-cache-dir -c /wheels/constraints-cpu.txt torch --index-url https://download.pytorch.org/whl/cpu ;; \
      cuda) apt-get update; apt-get install --yes --no-install-recommends gcc libc6-dev; rm -rf /var/lib/apt/lists/* ;; \
      *) echo "DEVICE is $DEVICE: choose cpu or cuda"; exit 1 ;; \
    esac; \
    pip install --no-cache-dir -c /wheels/constraints-cpu.txt "$(ls /wheels/*.whl)[events,matlab,nir,onnx,parquet,report]"; \
    rm -rf /wheels
# Any user may run it (--user), so its home is a folder where any user may write.
RUN mkdir --mode=1777 /var/colliculus
ENV HOME=/var/colliculus
WORKDIR /data
ENTRYPOINT ["colliculus"]
CMD ["--help"]
