// The page's marker code on data from standard input: {"stamp": [numbers]} or {"read": [[bytes, …], …], "inFlight": […]}.
import { pixels, read, readHard } from "../../python/realtime_fast/server/page/marker.js";

let text = "";
for await (const chunk of process.stdin) text += chunk;
const given = JSON.parse(text);
console.log(JSON.stringify({
  stamped: given.stamp.map((seq) => [...pixels(seq)].filter((_, i) => i % 4 === 0)),
  read: given.read.map((corner) => {
    const data = Uint8ClampedArray.from(corner.flatMap((level) => [level, level, level, 255]));
    return { hard: readHard(data), soft: read(data, given.inFlight) };
  }),
}));
