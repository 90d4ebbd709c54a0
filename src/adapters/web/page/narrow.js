/** Screens that have no room for the list of rooms beside the conversation, as the styles have it. */
export const NARROW = matchMedia('(width <= 52rem)');
