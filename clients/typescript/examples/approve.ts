// Says yes to whatever a flow and its children ask: node build/examples/approve.js [url] [flow]

import { createChainGraphClient, followTree } from "@chaingraph/client";

const [url = "http://localhost:4021", flowId = "asking"] = process.argv.slice(2);
const client = createChainGraphClient({ url, token: process.env["CHAINGRAPH_TOKEN"] });

const { executionId: root } = await client.create.mutate({ flowId });
await client.start.mutate({ executionId: root });

for await (const { events } of followTree(client, root, { types: ["node:waiting"] })) {
  for (const { executionId, event } of events) {
    if (event.type !== "node:waiting" || event.data.wait.kind !== "signal") continue;
    const { name } = event.data.wait;
    await client.sendSignal.mutate({ executionId, name, value: "yes" });
    console.log(`said yes to ${name}`);
  }
}
