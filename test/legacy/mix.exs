defmodule Legacy.MixProject do
  use Mix.Project

  def project do
    [
      app: :legacy,
      version: "0.0.1",
      elixir: "~> 1.14",
      # The suites of Common Test use what is in support, too.
      elixirc_paths: ["lib", "test/support"],
      deps: []
    ]
  end

  def application do
    [extra_applications: [:crypto, :logger], mod: {Legacy.Application, []}]
  end
end
