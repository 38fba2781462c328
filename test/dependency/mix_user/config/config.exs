import Config
config :supervisorring, members: [:"nobody@127.0.0.1"]
