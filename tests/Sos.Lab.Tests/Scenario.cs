using System.Threading.Tasks;
using Sos.Lab.Machine;
using Sos.Lab.Network;
using Xunit;

namespace Sos.Lab.Tests;

/// <summary>
/// The parts of every scenario: a machine that is up when it starts, and the check that the kernel had nothing to complain of
/// meanwhile. A scenario leaves the machine as it found it: no core reserved, no service, the card with Linux.
/// </summary>
public abstract class Scenario(LabFixture lab) : IAsyncLifetime
{
    private int _knownProblems;

    /// <summary>The machine, shared with the other scenarios of its kernel.</summary>
    protected LabMachine Machine => lab.Machine;

    /// <summary>A well-meaning peer.</summary>
    protected LabPeer Client => lab.Client;

    /// <summary>A peer with other intentions.</summary>
    protected LabPeer Attacker => lab.Attacker;

    /// <summary>A command line that takes away whatever a failed scenario left; that it fails where there is nothing to take is no matter.</summary>
    protected virtual string CleanUp => "";

    public virtual async Task InitializeAsync()
    {
        await lab.EnsureUpAsync();
        _knownProblems = Machine.Console.Problems.Count;
    }

    public virtual async Task DisposeAsync()
    {
        try
        {
            // A machine that has gone down already tells why below, and nothing else.
            if (CleanUp.Length > 0 && Machine.IsRunning)
            {
                _ = await Machine.RunAsync(CleanUp);
            }
        }
        finally
        {
            if (Machine.Console.Problems.Count > _knownProblems)
            {
                lab.Spoil();
            }

            Machine.EnsureHealthy(_knownProblems);
        }
    }
}
