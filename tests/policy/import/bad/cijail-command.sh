CIJAIL_ENDPOINTS=a.example:443 cijail npm ci
