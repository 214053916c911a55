export const healthTones = { healthy: 'good', unhealthy: 'bad', parked: 'warn', disabled: 'plain' } as const;
