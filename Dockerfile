# The operator's image: Python, the libraries it links to, and vipa; no shell, no package manager.
#
# The first stage is any Debian 12, the second starts from nothing, so that it is the same wherever
# BASE came from. Where no image registry can be reached, `make image` makes a BASE by debootstrap.
# No `# syntax=` line: it would pull an image.
ARG BASE=docker.io/library/debian:bookworm-slim
FROM ${BASE} AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends python3 python3-pip binutils \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /src
# What it needs comes first, as it changes rarely. Without `kubernetes`: 100 MB of typed models, of
# which the kubeconfig loader alone is used, and in a pod there is no kubeconfig.
COPY pyproject.toml hack/image/requirements.py ./
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && python3 requirements.py pyproject.toml --without kubernetes > requirements.txt \
 && python3 -m pip install --no-cache-dir --no-compile --target /opt/vipa -r requirements.txt
COPY README.md LICENSE ./
COPY operator operator
RUN --mount=type=secret,id=ca \
    if [ -s /run/secrets/ca ]; then export PIP_CERT=/run/secrets/ca; fi \
 && python3 -m pip install --no-cache-dir --no-compile --no-deps --upgrade --target /opt/vipa .
COPY hack/image/rootfs.py ./
RUN python3 rootfs.py /opt/vipa /rootfs

FROM scratch
COPY --from=build /rootfs /
ENV PATH=/opt/vipa/bin:/usr/bin \
    PYTHONPATH=/opt/vipa \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    LANG=C.UTF-8
# By number, so that kubelet can tell that it is not root.
USER 65532:65532
EXPOSE 8080
ENTRYPOINT ["/opt/vipa/bin/vipa"]
CMD ["operator"]
LABEL org.opencontainers.image.title="Sysplex VIPA" \
      org.opencontainers.image.licenses="Apache-2.0"
