#!/usr/bin/env bash
# Makes the certificate of the test's HTTPS server, signed by itself, good for a hundred years; into certificates/.
set -euo pipefail
cd "$(dirname "$0")/certificates"
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -days 36500 \
  -subj /CN=localhost -addext subjectAltName=DNS:localhost,IP:127.0.0.1 -keyout key.pem -out certificate.pem
chmod 644 key.pem
