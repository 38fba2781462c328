defmodule UserApp.MixProject do
  use Mix.Project

  def project do
    [
      app: :user_app,
      version: "0.1.0",
      elixir: "~> 1.14",
      deps: [{:supervisorring, path: "../.."}]
    ]
  end

  def application do
    [mod: {UserApp.Application, []}, extra_applications: [:logger]]
  end
end
