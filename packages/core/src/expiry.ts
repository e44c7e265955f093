/** Longest TTL, expiration and queue expiry: ten years, RabbitMQ's bound (rabbit_misc:check_expiry). Milliseconds. */
export const expiryMsMax = 315_360_000_000;
