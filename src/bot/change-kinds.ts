/** What administrators and moderators change for others, by what it is about. */
export const CHANGES = {
  rules: ['set'],
  people: ['invite', 'lock'],
  painters: ['drain', 'ban', 'admit'],
  models: ['pull-model', 'stop-model', 'use-model', 'remove-model'],
  prompts: ['save-preset', 'delete-preset', 'save-wildcard', 'delete-wildcard', 'change-defaults'],
  requests: ['cancel', 'overrule'],
  keys: ['create-key', 'tell-key', 'revoke-key'],
  signature: ['sign'],
} as const;
export type ChangeKind = keyof typeof CHANGES;
