/** How an account's health looks. */
export const healthTones = { healthy: 'good', unhealthy: 'bad', parked: 'warn', blocked: 'bad', disabled: 'plain' } as const;
