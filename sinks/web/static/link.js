// The live connection: says what is wanted, hands out messages, comes back by itself.

const FIRST_WAIT_MS = 500;
const LONGEST_WAIT_MS = 5000;
const SILENCE_MS = 15000; // numbers come twice a second: this is no pause but a dead network

export class Link {
  // wish: {streams: [id] or null, pictures, width}. onMessage may be async: the next message
  // comes once it is done. onStatus: "connecting", "live", "lost" or "refused".
  constructor(wish, onMessage, onStatus) {
    this.wish = wish;
    this.onMessage = onMessage;
    this.onStatus = onStatus;
    this.wait = FIRST_WAIT_MS;
    this.open();
  }

  ask(wish) {
    this.wish = { ...this.wish, ...wish };
    if (this.socket.readyState === WebSocket.OPEN) this.socket.send(JSON.stringify(this.wish));
  }

  open() {
    this.onStatus("connecting");
    const socket = new WebSocket(`${location.origin.replace(/^http/, "ws")}/live${query()}`);
    socket.binaryType = "arraybuffer";
    socket.onopen = () => {
      socket.send(JSON.stringify(this.wish));
      this.listen(socket);
    };
    socket.onmessage = async (event) => {
      this.wait = FIRST_WAIT_MS;
      this.onStatus("live");
      this.listen(socket);
      try {
        await this.onMessage(unpack(event.data));
      } finally {
        if (socket.readyState === WebSocket.OPEN) socket.send("ack");
      }
    };
    socket.onclose = () => {
      clearTimeout(this.silence);
      this.retry();
    };
    this.socket = socket;
  }

  listen(socket) {
    clearTimeout(this.silence);
    this.silence = setTimeout(() => socket.close(), SILENCE_MS);
  }

  async retry() {
    this.onStatus((await isRefused()) ? "refused" : "lost");
    setTimeout(() => this.open(), this.wait);
    this.wait = Math.min(this.wait * 2, LONGEST_WAIT_MS);
  }
}

// A page that cannot keep cookies still has the token in its address.
function query() {
  const token = new URLSearchParams(location.search).get("token");
  return token ? `?token=${encodeURIComponent(token)}` : "";
}

async function isRefused() {
  try {
    return (await fetch(`/api/stats${query()}`)).status === 401;
  } catch {
    return false; // nobody there
  }
}

// Text is JSON alone; binary is the length of the JSON, the JSON, then the pictures it lists.
function unpack(data) {
  if (typeof data === "string") return JSON.parse(data);
  const length = new DataView(data).getUint32(0);
  const message = JSON.parse(new TextDecoder().decode(new Uint8Array(data, 4, length)));
  let start = 4 + length;
  for (const frame of message.frames) {
    frame.jpeg = new Uint8Array(data, start, frame.bytes);
    start += frame.bytes;
  }
  return message;
}
