using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Xunit;

// Two machines at a time: one leaves a third of two CPUs idle, and the vCPUs of more would fight for them.
[assembly: CollectionBehavior(MaxParallelThreads = 2)]

namespace Sos.Lab.Tests;

/// <summary>One machine with the driver, one card and two peers, shared by all scenarios of a kernel.</summary>
public abstract class LabFixture(string kernel) : IAsyncLifetime
{
    private bool _spoilt;

    /// <summary>The machine; 4 CPUs.</summary>
    public LabMachine Machine { get; private set; } = null!;

    /// <summary>The network its card faces.</summary>
    public LabNetwork Network { get; private set; } = null!;

    /// <summary>A well-meaning peer.</summary>
    public LabPeer Client { get; private set; } = null!;

    /// <summary>A peer with other intentions.</summary>
    public LabPeer Attacker { get; private set; } = null!;

    public async Task InitializeAsync()
    {
        Network = await LabNetwork.CreateAsync();
        Client = await Network.AddPeerAsync("client");
        Attacker = await Network.AddPeerAsync("attacker");
        await EnsureUpAsync();
    }

    /// <summary>Makes the next scenario start with a fresh boot: the kernel of this one is not to be trusted any more.</summary>
    public void Spoil() => _spoilt = true;

    /// <summary>Boots the machine, anew if a scenario has brought it down.</summary>
    public async Task EnsureUpAsync()
    {
        // A scenario that failed before its end did not look whether the kernel had complained.
        if (Machine is { IsRunning: true, Console.Problems.Count: 0 } && !_spoilt)
        {
            return;
        }

        _spoilt = false;

        if (Machine is not null)
        {
            await Machine.DisposeAsync();
        }

        Machine = await LabMachine.BootAsync(new LabMachineOptions { Kernel = kernel, Network = Network });
    }

    public async Task DisposeAsync()
    {
        if (Machine is not null)
        {
            await Machine.DisposeAsync();
        }

        if (Network is not null)
        {
            await Network.DisposeAsync();
        }
    }
}

public sealed class Linux61() : LabFixture("6.1");

public sealed class Linux612() : LabFixture("6.12");

[CollectionDefinition("6.1")]
public sealed class Linux61Scenarios : ICollectionFixture<Linux61>;

[CollectionDefinition("6.12")]
public sealed class Linux612Scenarios : ICollectionFixture<Linux612>;
