# One image for the server, the services and the worker, all of it out of uv.lock.
# GDAL, PROJ and GEOS come inside the wheels, so a slim Python is enough.
# Another base (a mirror, a newer patch release): docker compose build --build-arg BASE_IMAGE=...
ARG BASE_IMAGE=python:3.13.13-slim-trixie

FROM ${BASE_IMAGE} AS packages
ARG UV_VERSION=0.13.9
ENV UV_COMPILE_BYTECODE=1 \
    UV_LINK_MODE=copy \
    UV_NO_CACHE=1 \
    UV_PROJECT_ENVIRONMENT=/opt/lindero \
    UV_PYTHON=python3 \
    UV_PYTHON_DOWNLOADS=never
RUN python3 -m venv /opt/uv \
 && /opt/uv/bin/python -m pip install --no-cache-dir --disable-pip-version-check "uv==${UV_VERSION}"
WORKDIR /app
# the packages before the code, in a layer of their own: a change of code builds in seconds
# what more a place needs: --extra k8s where Prefect makes Jobs of a cluster
ARG EXTRAS=
COPY pyproject.toml uv.lock ./
# the test suites and C headers inside pandas, numpy and pyarrow are a tenth of the image, and what
# describes Google's other 600 services is another
RUN /opt/uv/bin/uv sync --locked --no-dev --extra prompts ${EXTRAS} --no-install-project \
 && cd /opt/lindero/lib/python3.*/site-packages \
 && rm -r pyarrow/include pyarrow/tests pandas/tests \
 && find numpy -type d -name tests -prune -exec rm -r {} + \
 && find googleapiclient/discovery_cache/documents -name '*.json' \
      ! -name drive.v3.json ! -name sheets.v4.json -delete \
 && chmod -R a+rX,go-w /opt/lindero

FROM packages AS build
COPY . .
# editable, so that ./Modules and ./scripts mounted over /app are the code that runs; what that adds
# to the packages goes over them by itself
RUN find /opt/lindero -type f | sort > /opt/before \
 && /opt/uv/bin/uv sync --locked --no-dev --extra prompts ${EXTRAS} \
 && find /opt/lindero -type f | sort | comm -13 /opt/before - > /opt/added \
 && mkdir /opt/own \
 && xargs -a /opt/added cp --parents -t /opt/own \
 && chmod -R a+rX,go-w /app /opt/own

FROM ${BASE_IMAGE}
LABEL org.opencontainers.image.title="Lindero" \
      org.opencontainers.image.description="Prefect server, services and worker of Lindero" \
      org.opencontainers.image.licenses="MIT"
# the root is read-only in the stack: what is written goes to the mounts or to /tmp
ENV PATH=/opt/lindero/bin:$PATH \
    HOME=/tmp \
    USER=lindero \
    PREFECT_HOME=/tmp/prefect \
    PREFECT_SERVER_UI_STATIC_DIRECTORY=/tmp/prefect-ui \
    PIP_DISABLE_PIP_VERSION_CHECK=1 \
    PIP_PYTHON=/opt/lindero/bin/python \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1 \
    TZ=America/Argentina/Buenos_Aires
RUN groupadd --gid 1000 lindero \
 && useradd --uid 1000 --gid 1000 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin lindero \
 && mkdir -p /app/data/lindero /app/outputs /app/test_outputs \
 && chown -R 1000:1000 /app/data /app/outputs /app/test_outputs
COPY --from=packages /opt/lindero /opt/lindero
COPY --from=build /opt/own /
COPY --from=build /app /app
WORKDIR /app
USER 1000:1000
# of the process that the container runs, where it is one of the platform's
HEALTHCHECK --interval=30s --timeout=20s --start-period=180s --retries=4 \
  CMD case "$(tr '\0' ' ' < /proc/1/cmdline)" in \
        *" worker "*) set -- Modules.stack.entry healthy worker;; *" services "*) set -- Modules.watch healthy;; \
        *" server "*) set -- Modules.stack.entry healthy server;; *) exit 0;; \
      esac; python -m "$@"
CMD ["lindero", "--help"]
