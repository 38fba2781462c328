import Config

# The node that runs the tests is a client; those that it starts are members.
if config_env() == :test do
  config :supervisorring, program: false
  config :user_app, rooms: false
end
