// Runs a stored flow and shows its nodes: node build/examples/run.js [url] [flow]

import { createChainGraphClient, follow } from "@chaingraph/client";

const [url = "http://localhost:4021", flowId = "sum"] = process.argv.slice(2);
const client = createChainGraphClient({ url, token: process.env["CHAINGRAPH_TOKEN"] });

const { executionId } = await client.create.mutate({ flowId });
await client.start.mutate({ executionId });

for await (const event of follow(client, executionId)) {
  if (event.type === "node:completed") {
    console.log(`${event.data.node.id} took ${event.data.executionTime} ms`);
  } else if (event.type === "node:failed") {
    console.log(`${event.data.node.id} failed: ${event.data.error.message}`);
  }
}
const { status } = await client.getExecutionDetails.query({ executionId });
console.log(status);
