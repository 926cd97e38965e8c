FROM python:3.13-slim-bookworm AS build
WORKDIR /source
COPY pyproject.toml README.md LICENSE constraints.txt alembic.ini ./
COPY alembic alembic
COPY src src
RUN python -m venv /opt/macie-inventory && \
    /opt/macie-inventory/bin/pip install --no-cache-dir --constraint constraints.txt '.[postgres,metrics,otel]'

FROM python:3.13-slim-bookworm
LABEL org.opencontainers.image.title="macie-inventory" \
      org.opencontainers.image.description="Every Amazon Macie classification job of a whole AWS organization, in SQL." \
      org.opencontainers.image.licenses="Apache-2.0"
RUN groupadd --gid 10001 inventory && \
    useradd --uid 10001 --gid 10001 --no-create-home --home-dir /tmp --shell /usr/sbin/nologin inventory && \
    install --directory --owner 10001 --group 10001 --mode 0700 /data
COPY --from=build /opt/macie-inventory /opt/macie-inventory
# Nothing is written but the database in /data and temporary files in /tmp: the root may be mounted read-only.
ENV PATH="/opt/macie-inventory/bin:$PATH" \
    PYTHONDONTWRITEBYTECODE=1 \
    PYTHONUNBUFFERED=1
WORKDIR /data
VOLUME ["/data"]
USER 10001:10001
# The first one ends the run in good order: what is finished is stored.
STOPSIGNAL SIGTERM
ENTRYPOINT ["macie-inventory"]
CMD ["collect"]
