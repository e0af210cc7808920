# syntax=docker/dockerfile:1
# Copilot Bridge in a container: docs/deploy-docker.md.

FROM python:3.13.9-slim-trixie AS build
ENV PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_NO_CACHE_DIR=1
RUN python -m venv /opt/copilot-bridge
# The packages first: they change less often than the program.
COPY requirements.txt /src/
# Besides, for a store in PostgreSQL: --build-arg PACKAGES="psycopg[binary,pool]"; to scale images down: pillow
ARG PACKAGES=""
RUN /opt/copilot-bridge/bin/pip install -r /src/requirements.txt $PACKAGES
COPY setup.cfg pyproject.toml README.md LICENSE /src/
COPY docs /src/docs
COPY systemd /src/systemd
COPY copilot_bridge /src/copilot_bridge
RUN /opt/copilot-bridge/bin/pip install --no-deps /src \
    && /opt/copilot-bridge/bin/python -m copilot_bridge.http.pages

FROM python:3.13.9-slim-trixie
RUN useradd --uid 10001 --no-create-home --home-dir /data --shell /usr/sbin/nologin bridge \
    && install --directory --owner bridge --group bridge --mode 700 /data
COPY --from=build /opt/copilot-bridge /opt/copilot-bridge
ENV PATH=/opt/copilot-bridge/bin:$PATH \
    PYTHONDONTWRITEBYTECODE=1 \
    COPILOT_BRIDGE_HOME=/data \
    COPILOT_BRIDGE_HOST=0.0.0.0 \
    COPILOT_BRIDGE_MAKE_KEY=true \
    COPILOT_BRIDGE_ENV_FILE=
USER 10001
WORKDIR /data
VOLUME /data
EXPOSE 4141
HEALTHCHECK --interval=30s --timeout=5s --start-period=20s --retries=3 \
    CMD ["python", "-c", "import urllib.request as r; r.urlopen('http://127.0.0.1:4141/healthz', timeout=4)"]
STOPSIGNAL SIGTERM
ENTRYPOINT ["copilot-bridge"]
CMD ["start"]
