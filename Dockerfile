# honeybee on the CPU. See deploy/README.md.
#   docker build -t honeybee .
#   docker run --rm -v "$PWD/models:/models:ro" -p 127.0.0.1:8080:8080 honeybee serve /models/NAME --host 0.0.0.0
FROM node:22-bookworm-slim AS build
RUN apt-get update \
 && apt-get install -y --no-install-recommends cmake g++ make \
 && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY . .
RUN npm ci && npm run build
# What `worker` takes is an optional peer of the package, and belongs to the image; the lockfile says which versions.
RUN for name in bullmq ioredis; do \
      npm pkg set "dependencies.$name=$(node -p "require('./package.json').devDependencies.$name")"; \
    done \
 && npm pkg delete devDependencies \
 && npm prune

FROM node:22-bookworm-slim
RUN apt-get update \
 && apt-get install -y --no-install-recommends tini \
 && rm -rf /var/lib/apt/lists/*
ENV NODE_ENV=production
WORKDIR /app
COPY --from=build /app/package.json /app/LICENSE /app/NOTICE ./
COPY --from=build /app/node_modules ./node_modules
COPY --from=build /app/assets ./assets
COPY --from=build /app/dist/lib ./dist/lib
COPY --from=build /app/build/Release/honeybee.node ./build/Release/honeybee.node
USER 1000
EXPOSE 8080
ENTRYPOINT ["tini", "--", "node", "/app/dist/lib/cli/main.js"]
CMD ["--help"]
