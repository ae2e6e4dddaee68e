# ModelYard as a container: `modelyard serve` by default. docs/KUBERNETES.md says how it is used.

FROM node:20-slim AS build
WORKDIR /build
COPY package.json package-lock.json .npmrc ./
# No package's script is run (.npmrc): what is native is in the packages.
RUN npm ci --no-audit --no-fund
COPY . .
RUN npm run build && npm prune --omit=dev --no-audit --no-fund

FROM node:20-slim
ENV NODE_ENV=production \
    MODEL_REGISTRY_DIR=/var/lib/modelyard
# Its own folder belongs to the user that it runs as, and is readable by nobody else.
RUN install --directory --owner=node --group=node --mode=0700 /var/lib/modelyard
WORKDIR /app
COPY --from=build /build/package.json /build/LICENSE ./
COPY --from=build /build/node_modules ./node_modules
COPY --from=build /build/dist ./dist
COPY --from=build /build/examples ./examples
# A number: Kubernetes' runAsNonRoot knows no names.
USER 1000:1000
VOLUME /var/lib/modelyard
EXPOSE 8080
# Of a server on another port or with TLS, say --health-cmd or --no-healthcheck.
HEALTHCHECK --interval=10s --timeout=5s --start-period=30s --retries=3 \
    CMD ["node", "-e", "fetch('http://127.0.0.1:8080/v2/health/live').then(({ ok }) => process.exit(ok ? 0 : 1), () => process.exit(1))"]
ENTRYPOINT ["node", "/app/dist/src/main.js"]
CMD ["serve", "--host", "0.0.0.0"]
