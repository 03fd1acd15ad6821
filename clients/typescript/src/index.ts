export { createChainGraphClient, type ChainGraphClient, type ClientOptions } from "./client.js";
export { follow, followTree, type EventType, type FollowOptions } from "./follow.js";
export type * from "./router.js";
