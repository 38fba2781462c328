import Config
config :nano_ring, data_dir: "./ring_of_mix_user"
