using Sos.Cores.Isolation.Network;
using Sos.Cores.Native;
using Sos.Cores.Network;
using Sos.Cores.Tests.Carrying;
using Sos.Linux;
using Xunit;

namespace Sos.Cores.Tests.Isolation;

/// <summary>The list of programs that stand at a device by themselves; it needs root, as all that changes network devices.</summary>
public class TcxListTests
{
    private const int Cpu = 97;

    [Fact]
    public void AProgramIsListedFromItsComingToItsGoing()
    {
        using CarriedHost host = new();
        using FileDescriptor program = BpfObject.Load(BpfProgramKind.Ingress, $"{Cpu}_take", new BpfCode().Set(0, -1).Exit()); // TCX_NEXT
        uint device = host.Inside(() => NetworkCalls.InterfaceIndex("eth0"));
        bool hasList = host.Inside(() => TcxList.TryRead(device)) is not null;
        host.Inside(() =>
        {
            IngressHook.Put(device, program, Cpu);
            return 0;
        });

        // An older kernel has the program among its filters, which tc(8) shows.
        Assert.Equal(hasList ? 1 : 0, host.Inside(() => TcxList.TryRead(device))?.Count ?? 0);
        Assert.Equal(!hasList, host.Shell("tc filter show dev eth0 ingress").Contains($"sos_{Cpu}_take", System.StringComparison.Ordinal));

        host.Inside(() =>
        {
            IngressHook.Remove(device, withQueue: true, Cpu);
            return 0;
        });
        Assert.Equal(0, host.Inside(() => TcxList.TryRead(device))?.Count ?? 0);
    }

    [Fact]
    public void ADeviceThatIsGoneHasNone()
    {
        using CarriedHost host = new();
        Assert.Equal(0, host.Inside(() => TcxList.TryRead(0x7fff_fff0))?.Count ?? 0);
    }
}
