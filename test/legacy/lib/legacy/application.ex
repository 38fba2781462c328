defmodule Legacy.Application do
  @moduledoc """
  A legacy member for tests: it speaks the original's messages under the original's
  names, written from their description, so that mixed rings can be tested on a machine
  that does not have the originals.
  """
  use Application

  def start(_type, _args) do
    children = [
      %{id: NanoRing.Events, start: {:gen_event, :start_link, [{:local, NanoRing.Events}]}},
      NanoRing,
      Supervisorring.App.Sup
    ]

    Supervisor.start_link(children, strategy: :one_for_all, name: Legacy.Supervisor)
  end
end
