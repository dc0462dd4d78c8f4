using System.Collections.Generic;
using Sos.Cores.BackEnds;
using Sos.Cores.Loading;
using Sos.Cores.Plan;
using Sos.Cores.Running;

namespace Sos.Cores.Tests.InMemory;

/// <summary>A network device that knows who has it, and how often it changed hands.</summary>
internal sealed class InMemoryDevice(string name) : INetworkDevice
{
    public string Interface => name;

    public bool IsTaken { get; private set; }

    public int TimesGivenBack { get; private set; }

    /// <summary>Why it cannot be taken; null when it can.</summary>
    public SosException? TakeFailure { get; set; }

    /// <summary>Whether something of Linux is in its way back.</summary>
    public bool IsBlocked { get; set; }

    public CardRecord Describe() => new(name, null, null, null);

    public void Take() => IsTaken = TakeFailure is null ? true : throw TakeFailure;

    public ServiceConfiguration Configure(ServiceConfiguration configuration, PortPlan port) => configuration;

    public IReadOnlyList<string> MoveNetwork(CardRecord card) => [];

    public bool TryGiveBack(List<string> notes)
    {
        if (IsBlocked)
        {
            notes.Add($"{name} is blocked");
            return false;
        }

        TimesGivenBack += IsTaken ? 1 : 0;
        IsTaken = false;
        return true;
    }
}
