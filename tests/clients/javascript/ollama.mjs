// Uses Ollama's package as programs do, with one model, and prints what came of it as JSON.
import { createRequire } from "node:module";

const [folder, url, model, mark] = process.argv.slice(2);
const require = createRequire(`${folder}/`);
const { Ollama } = require("ollama");

const client = new Ollama({ host: url });
const schema = { type: "object", properties: { city: { type: "string" } }, required: ["city"] };
const tools = [{ type: "function", function: { name: "get_weather", description: "Tells it.", parameters: schema } }];
const user = (content) => ({ role: "user", content });
const found = {};

const whole = await client.chat({ model: `${model}:latest`, messages: [user(`Hello ${mark}`)] });
found.whole = [whole.message.content, whole.done_reason, whole.eval_count > 0];

found.streamed = "";
found.thoughts = false;
for await (const part of await client.chat({ model, messages: [user(`Bye ${mark}`)], stream: true, think: true })) {
  found.streamed += part.message.content;
  found.thoughts ||= Boolean(part.message.thinking);
}

const messages = [user(`[[sim:tools]] get_weather in Paris ${mark}`)];
const called = await client.chat({ model, messages, tools });
const [call] = called.message.tool_calls;
messages.push(called.message, { role: "tool", tool_name: call.function.name, content: `sunny ${mark}` });
const answered = await client.chat({ model, messages, tools });
found.tools = [call.function.name, typeof call.function.arguments.city, answered.message.content];

const shaped = await client.chat({ model, messages: [user(`A city ${mark}`)], format: schema });
found.schema = typeof JSON.parse(shaped.message.content).city;

found.generated = (await client.generate({ model, prompt: `Hello ${mark}` })).response;
const embedded = await client.embed({ model: "text-embedding-3-small", input: ["one", "two"] });
found.embeddings = embedded.embeddings.map((each) => each.length);
found.models = (await client.list()).models.length;
found.capabilities = (await client.show({ model })).capabilities;
found.error = await client.chat({ model: "nothing", messages }).catch((error) => error.status_code);
console.log(JSON.stringify(found));
