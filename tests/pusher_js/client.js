// pusher-js, driven by JSON lines on stdin; what it sees it says in JSON lines on stdout.
//
// It signs for itself, with Node's own cryptography, so that the server's checks meet a second implementation.
// Argument: {key, secret, host, port, masterKey} as JSON. Commands: {do: subscribe | unsubscribe | trigger | signin, ...}.
"use strict";

const crypto = require("crypto");
const path = require("path");
const readline = require("readline");

const modules = path.join(process.env.PUSHER_JS, "node_modules");
const Pusher = require(path.join(modules, "pusher-js"));
const nacl = require(path.join(modules, "tweetnacl"));

const options = JSON.parse(process.argv[2]);
const user = { id: options.user || "js", user_info: { name: "pusher-js" } };

const say = (line) => process.stdout.write(JSON.stringify(line) + "\n");
const sign = (text) => options.key + ":" + crypto.createHmac("sha256", options.secret).update(text).digest("hex");

function authorise({ socketId, channelName }, callback) {
  const answer = {};
  let text = `${socketId}:${channelName}`;
  if (channelName.startsWith("presence-")) {
    answer.channel_data = JSON.stringify({ user_id: user.id, user_info: user.user_info });
    text += `:${answer.channel_data}`;
  }
  if (channelName.startsWith("private-encrypted-")) {
    const key = Buffer.concat([Buffer.from(channelName), Buffer.from(options.masterKey, "base64")]);
    answer.shared_secret = crypto.createHash("sha256").update(key).digest("base64");
  }
  answer.auth = sign(text);
  callback(null, answer);
}

function authenticate({ socketId }, callback) {
  const data = JSON.stringify(user);
  callback(null, { auth: sign(`${socketId}::user::${data}`), user_data: data });
}

const pusher = new Pusher(options.key, {
  cluster: "",
  wsHost: options.host,
  wsPort: options.port,
  forceTLS: false,
  enabledTransports: ["ws"],
  disableStats: true,
  activityTimeout: options.activityTimeout || 120000,
  pongTimeout: options.pongTimeout || 30000,
  channelAuthorization: { customHandler: authorise },
  userAuthentication: { customHandler: authenticate },
  nacl,
});

pusher.connection.bind("state_change", ({ current }) => say({ state: current, socket: pusher.connection.socket_id }));
pusher.connection.bind("error", (error) => say({ error: error.data || error }));
pusher.connection.bind("message", ({ event, channel, data, user_id }) => {
  // Global handlers of a channel are not told who sent it.
  if (event.startsWith("client-")) say({ client: event, channel, data, user_id });
  if (event === "pusher:pong") say({ pong: true });
  if (event === "pusher_internal:subscription_succeeded" && channel.startsWith("#server-to-user-")) say({ signed_in: true });
});
pusher.user.bind_global((event, data) => say({ user: event, data }));

function listen(channel) {
  channel.bind_global((event, data) => {
    const line = { event, channel: channel.name, data };
    if (event === "pusher:subscription_succeeded" && channel.members) {
      line.data = { count: channel.members.count, me: channel.members.me, members: channel.members.members };
    }
    say(line);
  });
}

const commands = {
  subscribe: ({ channel }) => listen(pusher.subscribe(channel)),
  unsubscribe: ({ channel }) => pusher.unsubscribe(channel),
  trigger: ({ channel, event, data }) => pusher.channel(channel).trigger(event, data),
  signin: () => pusher.signin(),
  ping: () => pusher.send_event("pusher:ping", {}),
};

const lines = readline.createInterface({ input: process.stdin });
lines.on("line", (line) => {
  const command = JSON.parse(line);
  commands[command.do](command);
});
lines.on("close", () => process.exit(0));
