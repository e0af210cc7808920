// Uses the AI SDK's completion models as programs do, with one model, and prints what came of it as JSON.
import { createRequire } from "node:module";

const [folder, url, model, mark] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { createOpenAICompatible } = require("@ai-sdk/openai-compatible");
const { generateText, streamText } = require("ai");

const bridge = createOpenAICompatible({ name: "bridge", baseURL: `${url}/v1`, apiKey: "any", includeUsage: true });
const completion = bridge.completionModel(model);
const found = {};

const whole = await generateText({ model: completion, prompt: `Hello ${mark}`, maxOutputTokens: 50 });
found.whole = [whole.text, whole.finishReason, whole.usage.outputTokens > 0];

const stream = streamText({ model: completion, prompt: `Bye ${mark}` });
found.streamed = "";
for await (const text of stream.textStream) found.streamed += text;
found.ended = await stream.finishReason;

const filling = { providerOptions: { bridge: { suffix: "): pass" } } };
found.filled = (await generateText({ model: completion, prompt: `def ${mark}(`, ...filling })).text;

const missing = { model: bridge.completionModel("nothing"), prompt: "Hello", maxRetries: 0 };
found.error = await generateText(missing).catch((error) => error.statusCode);
console.log(JSON.stringify(found));
