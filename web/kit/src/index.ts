/** What the phone and the console share. */
export * from './card';
export * from './events';
export * from './i18n';
export * from './theme';
export * from './time';
export { default as MessageCard } from './MessageCard.vue';
