# One image for all modes: `serve` alone, `api` and `worker` in a fleet.

FROM python:3.12-slim AS build
RUN python -m venv /venv
WORKDIR /src
COPY requirements.txt ./
RUN /venv/bin/pip install --no-cache-dir --requirement requirements.txt
COPY pyproject.toml README.md LICENSE ./
COPY src ./src
RUN /venv/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
RUN useradd --system --uid 10001 --home-dir /data --create-home chaingraph
COPY --from=build /venv /venv
ENV PATH=/venv/bin:$PATH \
    PYTHONUNBUFFERED=1 \
    CHAINGRAPH_HOST=0.0.0.0 \
    CHAINGRAPH_AUTH=tokens \
    CHAINGRAPH_DATA_DIR=/data \
    CHAINGRAPH_LOG_FORMAT=json
USER chaingraph
WORKDIR /data
EXPOSE 4021 9090

# For `serve` and `api`; a worker answers on 9090, see compose.yaml.
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
    CMD ["python", "-c", "from urllib.request import urlopen; urlopen('http://127.0.0.1:4021/health')"]

ENTRYPOINT ["chaingraph"]
CMD ["serve"]
