defmodule Supervisorring.GlobalSup do
  @moduledoc """
  A supervisor's share of one member: the local supervisor, and the child manager that
  gives it its children. When it ends, other than killed, the super supervisors of the
  other members kill theirs, also after a graceful stop.
  """
  use Supervisor

  def start_link(sup, module, arg) do
    name = Supervisorring.global_sup_ref(sup)
    Supervisor.start_link(__MODULE__, {sup, module, arg}, name: name)
  end

  @impl true
  def init({sup, module, arg}) do
    {:ok, {flags, specs}} = module.init(arg)

    GenServer.cast(
      Supervisorring.App.Sup.SuperSup,
      {:monitor, Supervisorring.global_sup_ref(sup)}
    )

    children = [
      %{
        id: __MODULE__.LocalSup,
        start: {__MODULE__.LocalSup, :start_link, [sup, flags]},
        type: :supervisor
      },
      %{
        id: __MODULE__.ChildManager,
        start: {__MODULE__.ChildManager, :start_link, [sup, specs, module]}
      }
    ]

    Supervisor.init(children, strategy: :one_for_all)
  end

  defmodule LocalSup do
    @moduledoc "`<Sup>`: an ordinary OTP supervisor that begins without children."
    use Supervisor

    def start_link(sup, flags),
      do: Supervisor.start_link(__MODULE__, flags, name: Supervisorring.local_sup_ref(sup))

    @impl true
    def init(flags), do: {:ok, {flags, []}}
  end
end
