defmodule MixUser.MixProject do
  use Mix.Project

  def project do
    [app: :mix_user, version: "1.0.0", elixir: "~> 1.14", deps: [dependency(System.get_env("SUPERVISORRING_URL"))]]
  end

  def application, do: [extra_applications: [:logger]]

  defp dependency(nil), do: {:supervisorring, path: System.fetch_env!("SUPERVISORRING_PATH")}
  defp dependency(url), do: {:supervisorring, git: url, branch: "main"}
end
