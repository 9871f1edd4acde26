# Two images, of which docs/install.md shows the use:
#   docker build --target=serve --tag=zoo-serve .
#   docker build --target=train --tag=zoo-train .
# With GPUs: --build-arg=ALSO='tensorflow[and-cuda]'.

FROM python:3.13.5-slim-bookworm AS python
ENV PIP_NO_CACHE_DIR=1 PIP_DISABLE_PIP_VERSION_CHECK=1 PYTHONUNBUFFERED=1
RUN useradd --uid=1000 --create-home zoo

FROM python AS wheel
WORKDIR /source
COPY . .
RUN pip install build==1.3.0 && python -m build --wheel --outdir=/dist

FROM python AS zoo
ARG EXTRAS=text,serve,sweep
ARG ALSO=
# setup.cfg has the versions. Unquoted, since ALSO may name several packages, or none.
# hadolint ignore=DL3013,SC2086
RUN --mount=type=bind,from=wheel,source=/dist,target=/dist \
    pip install "$(echo /dist/*.whl)[${EXTRAS}]" ${ALSO}
USER 1000
WORKDIR /home/zoo

FROM zoo AS train
ENTRYPOINT ["zoo"]
CMD ["--help"]

FROM zoo AS serve
EXPOSE 8501
HEALTHCHECK --start-period=60s --timeout=5s \
    CMD ["python", "-c", "import urllib.request; urllib.request.urlopen('http://127.0.0.1:8501/health/ready', timeout=4)"]
ENTRYPOINT ["zoo", "serve", "--host=0.0.0.0"]
CMD ["--help"]
