// Made by `python -m chaingraph.api.typescript > clients/typescript/src/router.ts`: do not edit.

import type {
  TRPCBuiltRouter,
  TRPCDefaultErrorData,
  TRPCDefaultErrorShape,
  TRPCMutationProcedure,
  TRPCQueryProcedure,
  TRPCSubscriptionProcedure,
} from "@trpc/server";

export interface Accepted {
  success: true;
}

/** What it names, and whether that is one thing only, the engine judges. */
export interface Breakpoint {
  nodeId?: string;
  edgeId?: string;
  condition?: string;
}

export interface BreakpointHit {
  node: Node;
  values: Record<string, unknown>;
  edgeId?: string;
  problem?: string;
}

export interface BreakpointsSet {
  by: string;
  commandId: string;
  breakpoints: (string | Breakpoint)[];
}

export interface ChildCompleted {
  executionId: string;
  awaited?: true;
  status: "completed";
}

export interface ChildEnded {
  kind: "child";
  executionId: string;
  status: "completed" | "failed" | "stopped";
  outputs?: Record<string, unknown>;
  error: string | null;
}

export interface ChildFailed {
  executionId: string;
  awaited?: true;
  status: "failed" | "stopped";
  error?: string;
}

export interface ChildSpawned {
  nodeId: string;
  executionId: string;
  eventName?: string;
  eventId?: string;
  flowId?: string;
}

export interface CompactBreakpointHit {
  nodeId: string;
  values: Record<string, unknown>;
  edgeId?: string;
  problem?: string;
}

export interface CompactExecutionCreated {
  executionId: string;
  flowId: string;
  ownerId: string;
  rootExecutionId: string;
  parentExecutionId: string | null;
  executionDepth: number;
  forkedFrom?: Origin;
}

export interface CompactFlowCancelled {
  reason: string;
  executionTime: number;
}

export interface CompactFlowCompleted {
  executionTime: number;
}

export interface CompactFlowFailed {
  error: Error;
  executionTime: number;
  nodeId?: string;
}

/** A command paused the flow, or else what happened at a node. */
export interface CompactFlowPaused {
  reason: string | null;
  by: string;
  commandId?: string;
  tree?: true;
  nodeId?: string;
}

export interface CompactFlowResumed {
  by: string;
  commandId: string;
  tree?: true;
}

export type CompactFlowStarted = Record<string, never>;

export interface CompactNodeCompleted {
  nodeId: string;
  values: Record<string, unknown>;
  large?: Record<string, LargeValue>;
  emitted?: Emitted[];
  executionTime: number;
}

export interface CompactNodeFailed {
  nodeId: string;
  values: Record<string, unknown>;
  large?: Record<string, LargeValue>;
  error: Error;
  executionTime: number;
}

export interface CompactNodeStarted {
  nodeId: string;
  attempt?: number;
}

export interface CompactTransferCompleted {
  edgeId: string;
  transferTime: number;
}

export interface CompactTransferFailed {
  edgeId: string;
  error: Error;
}

export interface CreateInput {
  flowId: string;
  options?: Options;
  integration?: Record<string, unknown>;
  events?: ExternalEvent[];
  inputs?: Record<string, unknown>;
  idempotencyKey?: string;
}

export interface Created {
  executionId: string;
}

/** An edge in the stored form. */
export interface Edge {
  id: string;
  sourceNodeId: string;
  sourcePortId: string;
  targetNodeId: string;
  targetPortId: string;
  metadata?: Record<string, unknown>;
  status: string;
}

export interface Emitted {
  id: string;
  type: string;
  data: unknown;
}

export interface Execution {
  id: string;
  flowId: string;
  ownerId: string;
  rootExecutionId: string;
  parentExecutionId: string | null;
  status: Status;
  createdAt: Date;
  updatedAt: Date;
  startedAt: Date | null;
  completedAt: Date | null;
  errorMessage: string | null;
  errorNodeId: string | null;
  executionDepth: number;
  options: Record<string, unknown> | null;
  integration: Record<string, unknown> | null;
  externalEvents: unknown[] | null;
  failureCount: number;
  lastFailureReason: string | null;
  lastFailureAt: Date | null;
  processingStartedAt: Date | null;
  processingWorkerId: string | null;
  forkedFrom: string | null;
}

export interface ExecutionCreated {
  executionId: string;
  flowId: string;
  ownerId: string;
  rootExecutionId: string;
  parentExecutionId: string | null;
  executionDepth: number;
  forkedFrom?: Origin;
  flowMetadata: Record<string, unknown>;
}

export interface ExternalEvent {
  eventName: string;
  payload?: unknown;
}

export interface FlowCancelled {
  reason: string;
  executionTime: number;
  flowMetadata: Record<string, unknown>;
}

export interface FlowCompleted {
  executionTime: number;
  flowMetadata: Record<string, unknown>;
}

export interface FlowFailed {
  error: Error;
  executionTime: number;
  nodeId?: string;
  flowMetadata: Record<string, unknown>;
}

export interface FlowParked {
  waits: (SleepingNode | NodeWaitingForSignal | NodeWaitingForChild | NodeWaitingForRetry)[];
  more?: number;
  children: number;
  paused: boolean;
  wakeAt: number | null;
  handedOver?: true;
}

export interface FlowPaused {
  reason: string | null;
  by: string;
  commandId?: string;
  tree?: true;
  nodeId?: string;
  flowMetadata: Record<string, unknown>;
}

export interface FlowResumed {
  by: string;
  commandId: string;
  tree?: true;
  flowMetadata: Record<string, unknown>;
}

export interface FlowSnapshot {
  executionId: string;
  flow: Record<string, unknown>;
}

export interface FlowStarted {
  flowMetadata: Record<string, unknown>;
}

export interface ForkInput {
  executionId: string;
  start?: boolean;
  idempotencyKey?: string;
  nodes?: string[];
  inputs?: Record<string, unknown>;
  newer?: boolean;
}

export interface GetExecutionDetailsInput {
  executionId: string;
}

export interface GetExecutionsTreeInput {
  executionId: string;
}

export interface GetRootExecutionsInput {
  flowId: string;
  limit?: number;
  after?: Date;
}

export interface GetSharesInput {
  executionId: string;
}

/** A value that is kept elsewhere, under its hash. */
export interface LargeValue {
  $blob: string;
  size: number;
}

export interface NewShare {
  id: string;
  name: string;
  createdAt: Date;
  expiresAt: Date | null;
  token: string;
}

/** A node as it stands, in the stored form. */
export interface Node {
  id: string;
  type?: string;
  metadata: Record<string, unknown>;
  status?: string;
  ports?: PortValue[];
  systemPorts?: Record<string, unknown>;
  connections?: Record<string, unknown>;
  schemaVersion: string;
}

export interface NodeAnswered {
  nodeId: string;
  answer: TimeIsUp | Received | ChildEnded;
}

export interface NodeCompleted {
  node: Node;
  executionTime: number;
}

export interface NodeFailed {
  node: Node;
  error: Error;
  executionTime: number;
}

export interface NodeLogged {
  nodeId: string;
  log: string;
}

export interface NodePortResolved {
  nodeId: string;
  portId: string;
  value?: unknown;
}

export interface NodeRetryScheduled {
  nodeId: string;
  attempt: number;
  error: Error;
  at: number | null;
}

export interface NodeSkipped {
  nodeId: string;
  reason: string;
}

export interface NodeStarted {
  node: Node;
  attempt?: number;
}

export interface NodeStatusChanged {
  nodeId: string;
  oldStatus: string;
  newStatus: string;
}

export interface NodeStreamChunk {
  nodeId: string;
  portId: string;
  attempt: number;
  from: number;
  items: unknown[];
}

export interface NodeWaiting {
  nodeId: string;
  wait: Sleep | WaitForSignal | WaitForChild;
}

export interface NodeWaitingForChild {
  nodeId: string;
  kind: "child";
  executionId: string;
  flowId: string;
  since: number;
  due: null;
}

export interface NodeWaitingForRetry {
  nodeId: string;
  kind: "retry";
  due: number | null;
}

export interface NodeWaitingForSignal {
  nodeId: string;
  kind: "signal";
  name: string;
  schema: Record<string, unknown>;
  title: string;
  assignees: string[];
  since: number;
  due: number | null;
}

export interface Options {
  execution?: Running;
  debug?: boolean;
  breakpoints?: (string | Breakpoint)[];
}

/** The execution that was forked, and its nodes that run again. */
export interface Origin {
  executionId: string;
  nodes: string[];
}

export interface PauseInput {
  executionId: string;
  commandId?: string;
  reason?: string;
  tree?: boolean;
  now?: boolean;
}

/** A port as its `config` has it, and its value if it has one. */
export interface PortValue {
  config: Record<string, unknown>;
  value?: unknown;
}

export interface Received {
  kind: "signal";
  signalId: string;
}

export interface ResumeInput {
  executionId: string;
  commandId?: string;
  tree?: boolean;
}

export interface RetryInput {
  executionId: string;
  start?: boolean;
  idempotencyKey?: string;
}

export interface Root {
  execution: Execution;
  levels: number;
  totalNested: number;
}

export interface Running {
  maxConcurrency?: number;
  nodeTimeoutMs?: number;
  flowTimeoutMs?: number;
  childFailure?: "ignore" | "fail";
}

export interface SendSignalInput {
  executionId: string;
  name: string;
  value?: unknown;
  commandId?: string;
}

export interface SetBreakpointsInput {
  executionId: string;
  commandId?: string;
  breakpoints: (string | Breakpoint)[];
}

export interface Share {
  id: string;
  name: string;
  createdAt: Date;
  expiresAt: Date | null;
}

export interface ShareExecutionInput {
  executionId: string;
  name?: string;
  expiresInSeconds?: number;
}

export interface SignalReceived {
  signalId: string;
  name: string;
  value: unknown;
  by: string;
  role: string | null;
  aliases?: string[];
}

export interface SignalRejected {
  nodeId: string;
  signalId: string;
  name: string;
  reason: string;
}

export interface Sleep {
  kind: "sleep";
  since: number;
  due: number;
}

export interface SleepingNode {
  nodeId: string;
  kind: "sleep";
  since: number;
  due: number;
}

/** Whatever steers an execution. The same id twice is one command. */
export interface StartInput {
  executionId: string;
  commandId?: string;
}

/** What a user sees. Moves in one transaction with the event that means it. */
export type Status = "created" | "running" | "paused" | "completed" | "failed" | "stopped";

/** Whatever steers an execution. The same id twice is one command. */
export interface StepInput {
  executionId: string;
  commandId?: string;
}

/** A step that found no node yet is `owed` to the next. */
export interface Stepped {
  nodeId: string | null;
  by?: string;
  commandId?: string;
  owed?: true;
}

export interface StopInput {
  executionId: string;
  commandId?: string;
  reason?: string;
}

export interface SubscribeToExecutionEventsInput {
  executionId: string;
  eventTypes?: string[];
  view?: "full" | "compact";
  batchSize?: number;
  batchTimeoutMs?: number;
  fromIndex?: number;
}

export interface SubscribeToTreeEventsInput {
  executionId: string;
  eventTypes?: string[];
  view?: "full" | "compact";
  batchSize?: number;
  batchTimeoutMs?: number;
  cursor?: string;
  lastEventId?: string;
}

export interface TimeIsUp {
  kind: "time";
  waited: number;
}

export interface TransferCompleted {
  serializedEdge: Edge;
  transferTime: number;
}

export interface TransferFailed {
  serializedEdge: Edge;
  error: Error;
}

export interface TreeNode {
  id: string;
  parentId: string | null;
  level: number;
  execution: Execution;
}

export interface UnshareExecutionInput {
  executionId: string;
  shareId: string;
}

export interface WaitForChild {
  kind: "child";
  executionId: string;
  flowId: string;
  since: number;
  due: null;
}

export interface WaitForSignal {
  kind: "signal";
  name: string;
  schema: Record<string, unknown>;
  title: string;
  assignees: string[];
  since: number;
  due: number | null;
}

export interface FullData {
  "execution:created": ExecutionCreated;
  "flow:started": FlowStarted;
  "flow:completed": FlowCompleted;
  "flow:failed": FlowFailed;
  "flow:cancelled": FlowCancelled;
  "flow:paused": FlowPaused;
  "flow:resumed": FlowResumed;
  "flow:parked": FlowParked;
  "node:status-changed": NodeStatusChanged;
  "node:started": NodeStarted;
  "node:completed": NodeCompleted;
  "node:failed": NodeFailed;
  "node:skipped": NodeSkipped;
  "node:debug-log-string": NodeLogged;
  "node:stream-chunk": NodeStreamChunk;
  "node:port-resolved": NodePortResolved;
  "node:waiting": NodeWaiting;
  "node:answered": NodeAnswered;
  "node:retry-scheduled": NodeRetryScheduled;
  "edge:transfer-completed": TransferCompleted;
  "edge:transfer-failed": TransferFailed;
  "signal:received": SignalReceived;
  "signal:rejected": SignalRejected;
  "child:spawned": ChildSpawned;
  "child:completed": ChildCompleted;
  "child:failed": ChildFailed;
  "debug:breakpoints-set": BreakpointsSet;
  "debug:breakpoint-hit": BreakpointHit;
  "debug:stepped": Stepped;
}

export interface CompactData {
  "execution:created": CompactExecutionCreated;
  "flow:started": CompactFlowStarted;
  "flow:completed": CompactFlowCompleted;
  "flow:failed": CompactFlowFailed;
  "flow:cancelled": CompactFlowCancelled;
  "flow:paused": CompactFlowPaused;
  "flow:resumed": CompactFlowResumed;
  "flow:parked": FlowParked;
  "node:status-changed": NodeStatusChanged;
  "node:started": CompactNodeStarted;
  "node:completed": CompactNodeCompleted;
  "node:failed": CompactNodeFailed;
  "node:skipped": NodeSkipped;
  "node:debug-log-string": NodeLogged;
  "node:stream-chunk": NodeStreamChunk;
  "node:port-resolved": NodePortResolved;
  "node:waiting": NodeWaiting;
  "node:answered": NodeAnswered;
  "node:retry-scheduled": NodeRetryScheduled;
  "edge:transfer-completed": CompactTransferCompleted;
  "edge:transfer-failed": CompactTransferFailed;
  "signal:received": SignalReceived;
  "signal:rejected": SignalRejected;
  "child:spawned": ChildSpawned;
  "child:completed": ChildCompleted;
  "child:failed": ChildFailed;
  "debug:breakpoints-set": BreakpointsSet;
  "debug:breakpoint-hit": CompactBreakpointHit;
  "debug:stepped": Stepped;
  "flow:snapshot": FlowSnapshot;
}

/** The form of events: with whole nodes and edges, or with their ids and what has changed. */
export type View = "full" | "compact";

type EventWith<Data> = {
  [Type in keyof Data]: {
    /** Its position in the journal less one. `flow:snapshot` is in no journal. */
    index: Type extends "flow:snapshot" ? null : number;
    type: Type;
    timestamp: Date;
    data: Data[Type];
  };
}[keyof Data];

/** An event in the form of a view. Its `type` tells what is in its `data`. */
export type ChainGraphEvent<V extends View = "full"> = V extends "full"
  ? EventWith<FullData>
  : EventWith<CompactData>;

/** Events of a tree of executions, and the cursor that goes on after all of them. */
export interface TreeBatch<V extends View = "full"> {
  cursor: string;
  events: { executionId: string; event: ChainGraphEvent<V> }[];
}

/** A value, and the id with which a subscription goes on after it. */
export interface Tracked<Value> {
  id: string;
  data: Value;
}

type Procedures<V extends View> = {
  create: Mutation<CreateInput, Created>;
  fork: Mutation<ForkInput, Created>;
  retry: Mutation<RetryInput, Created>;
  start: Mutation<StartInput, Accepted>;
  stop: Mutation<StopInput, Accepted>;
  pause: Mutation<PauseInput, Accepted>;
  resume: Mutation<ResumeInput, Accepted>;
  step: Mutation<StepInput, Accepted>;
  setBreakpoints: Mutation<SetBreakpointsInput, Accepted>;
  sendSignal: Mutation<SendSignalInput, Accepted>;
  getExecutionDetails: Query<GetExecutionDetailsInput, Execution>;
  getExecutionsTree: Query<GetExecutionsTreeInput, TreeNode[]>;
  getRootExecutions: Query<GetRootExecutionsInput, Root[]>;
  shareExecution: Mutation<ShareExecutionInput, NewShare>;
  getShares: Query<GetSharesInput, Share[]>;
  unshareExecution: Mutation<UnshareExecutionInput, Accepted>;
  subscribeToExecutionEvents: Subscription<SubscribeToExecutionEventsInput, ChainGraphEvent<V>[], V>;
  subscribeToTreeEvents: Subscription<SubscribeToTreeEventsInput, Tracked<TreeBatch<V>>, V>;
};

/** What tRPC knows of a refusal. `zodError` tells which members of an input are wrong. */
export interface ChainGraphErrorShape extends TRPCDefaultErrorShape {
  data: TRPCDefaultErrorData & {
    zodError: { formErrors: string[]; fieldErrors: Record<string, string[]> } | null;
  };
}

type Types = { ctx: object; meta: object; errorShape: ChainGraphErrorShape; transformer: true };
type Query<Input, Output> = TRPCQueryProcedure<Definition<Input, Output>>;
type Mutation<Input, Output> = TRPCMutationProcedure<Definition<Input, Output>>;
type Subscription<Input, Value, V extends View> = TRPCSubscriptionProcedure<
  Definition<Viewed<Input, V>, AsyncIterable<Value>>
>;
/** The full view goes without saying. */
type Viewed<Input, V extends View> = Omit<Input, "view"> &
  (V extends "full" ? { view?: V } : { view: V });
type Definition<Input, Output> = { input: Input; output: Output; meta: object };

/** The procedures of the server. Its subscriptions send events in the view `V`. */
export type ChainGraphRouter<V extends View = "full"> = TRPCBuiltRouter<Types, Procedures<V>>;

/** The member of the input under which the server knows what comes again. */
export const repeatedBy: Readonly<Record<string, string>> = {
  create: "idempotencyKey",
  fork: "idempotencyKey",
  retry: "idempotencyKey",
  start: "commandId",
  stop: "commandId",
  pause: "commandId",
  resume: "commandId",
  step: "commandId",
  setBreakpoints: "commandId",
  sendSignal: "commandId",
};
