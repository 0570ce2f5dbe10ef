# One image for the service, the MCP server and the simulator; the command decides which.
# For a build that can be repeated, give UV and BASE with their digests.
ARG UV=ghcr.io/astral-sh/uv:0.13.8
ARG BASE=python:3.11-slim-bookworm

FROM ${UV} AS uv

FROM ${BASE} AS build
COPY --from=uv /uv /usr/local/bin/uv
ENV UV_PYTHON_DOWNLOADS=never UV_LINK_MODE=copy
WORKDIR /srv
# `--group data` brings the sample prices of the simulator.
ARG GROUPS=""
COPY pyproject.toml uv.lock README.md LICENSE ./
# hadolint ignore=SC2086  # GROUPS is words
RUN uv sync --locked --no-default-groups ${GROUPS} --no-install-project
COPY app app
COPY api_gateway api_gateway
COPY investment_policy investment_policy
COPY docs docs
RUN uv sync --locked --no-default-groups ${GROUPS} --no-editable

FROM ${BASE}
ARG UID=1000
RUN useradd --uid "${UID}" --user-group --no-create-home --shell /usr/sbin/nologin portfolio \
    && install -d -o portfolio -g portfolio -m 0700 /state
COPY --from=build /srv/.venv /srv/.venv
ENV PATH=/srv/.venv/bin:$PATH PYTHONUNBUFFERED=1 STATE_DIR=/state HOST=0.0.0.0 PORT=8085
WORKDIR /srv
USER portfolio
EXPOSE 8085
CMD ["uvicorn", "app.main:app", "--host", "0.0.0.0", "--port", "8085"]
