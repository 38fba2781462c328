defmodule Supervisorring.App.Sup do
  @moduledoc "What every member runs, whether or not it has a supervisor."
  use Supervisor

  def start_link(_arg), do: Supervisor.start_link(__MODULE__, [])

  @impl true
  def init([]) do
    children = [
      %{
        id: Supervisorring.Events,
        start: {:gen_event, :start_link, [{:local, Supervisorring.Events}]}
      },
      Supervisorring.App.Sup.SuperSup
    ]

    Supervisor.init(children, strategy: :one_for_one)
  end
end
