using System;
using System.IO;
using System.Threading.Tasks;
using Sos.Cores.Devices;
using Sos.Cores.Network;
using Sos.Cores.Operations;
using Sos.Cores.Plan;
using Sos.Cores.Running;
using Sos.Cores.Tests.Devices;
using Xunit;

namespace Sos.Cores.Tests.Operations;

/// <summary>A card that no service has is taken and goes back, in a sysfs of files; one that a service has stays.</summary>
public sealed class DeviceOperationsTests : IDisposable
{
    private const string Card = "fffd:01:00.0"; // on no machine
    private readonly DirectoryInfo _root = Directory.CreateTempSubdirectory("sos-devices-");
    private readonly DeviceOperations _operations;

    public DeviceOperationsTests()
    {
        Directory.CreateDirectory(Function);
        Directory.CreateDirectory(Records);
        Directory.CreateDirectory(Path.Combine(Sys, "bus/pci/drivers/sos"));
        File.WriteAllText(Unbind, "");
        Directory.CreateSymbolicLink(Path.Combine(Function, "driver"), Path.Combine(Sys, "bus/pci/drivers/sos"));
        _operations = new DeviceOperations(new CoreBackEnds([], Records), Sys);
    }

    private string Sys => Path.Combine(_root.FullName, "sys");

    private string Records => Path.Combine(_root.FullName, "run");

    private string Function => Path.Combine(Sys, "bus/pci/devices", Card);

    private string Unbind => Path.Combine(Sys, "bus/pci/drivers/sos/unbind");

    public void Dispose() => _root.Delete(recursive: true);

    [Fact]
    public void ACardGoesBackWhenNoServiceHasIt()
    {
        Record(2, "fffd:02:00.0");
        Record(5, Card);
        SosException refused = Assert.Throws<SosException>(() => _operations.Release(Card));
        Assert.Equal(SosError.Refused, refused.Error);
        Assert.Contains("service on core 5: 'sosctl service stop 5'", refused.Message, StringComparison.Ordinal);
        Assert.Equal("", File.ReadAllText(Unbind));

        CoreRecord.Delete(5, Records);
        Assert.Equal(Card, _operations.Release(Card).Address.ToString());
        Assert.Equal((Card, Card), (File.ReadAllText(Unbind), File.ReadAllText(Path.Combine(Sys, "bus/pci/drivers_probe"))));
    }

    [Fact]
    public void ACardThatIsNotThereIsNotFound()
    {
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _operations.Release("fffd:03:00.0")).Error);
        Assert.Equal(SosError.NotFound, Assert.Throws<SosException>(() => _operations.Claim("fffd:03:00.0", force: false)).Error);
    }

    [Fact]
    public void ACardIsClaimedWhenNoServiceHasIt()
    {
        MakeClaimable();
        Record(2, "fffd:02:00.0");
        Assert.Equal(Card, _operations.Claim(Card, force: false).Address.ToString());

        Record(5, Card);
        SosException refused = Assert.Throws<SosException>(() => _operations.Claim(Card, force: true));
        Assert.Equal(SosError.Refused, refused.Error);
        Assert.Contains("service on core 5: 'sosctl service stop 5'", refused.Message, StringComparison.Ordinal);
    }

    /// <summary>Linux drives the card of an isolated core's service: neither claim nor release may take it from under that.</summary>
    [Fact]
    public void ACardWhoseFramesAServiceHasStaysAsItIs()
    {
        MakeClaimable();
        Directory.CreateDirectory(Path.Combine(Function, "net", "lo"));
        Record(3, "lo", new NetdevRecord("lo", NetworkLink.Find("lo")!.Index, NetworkNamespace.First!, 1, 0, [], false, false));
        foreach (Func<PciDevice> operation in (Func<PciDevice>[])[() => _operations.Claim(Card, force: true), () => _operations.Release(Card)])
        {
            Assert.Contains("service on core 3", Assert.Throws<SosException>(operation).Message, StringComparison.Ordinal);
        }

        Assert.Equal("", File.ReadAllText(Unbind));
    }

    /// <summary>Whose a card is, is looked up while nobody else can take it: a start that is faster is not overlooked.</summary>
    [Fact]
    public async Task AClaimWaitsForAStartThatIsTakingDevices()
    {
        MakeClaimable();
        Task<PciDevice> claim;
        using (DeviceOwners.Lock(Records))
        {
            claim = Task.Run(() => _operations.Claim(Card, force: false));
            Assert.NotSame(claim, await Task.WhenAny(claim, Task.Delay(200)));
            Record(4, Card);
        }

        Assert.Contains("service on core 4", (await Assert.ThrowsAsync<SosException>(() => claim)).Message, StringComparison.Ordinal);
    }

    private void MakeClaimable()
    {
        File.WriteAllText(Path.Combine(Function, "class"), "0x020000");
        File.WriteAllText(Path.Combine(Function, "vendor"), "0x1af4");
        File.WriteAllText(Path.Combine(Function, "device"), "0x1041");
        File.WriteAllBytes(Path.Combine(Function, "config"), VirtioPciCapabilitiesTests.ModernDevice());
    }

    private void Record(int cpu, string device, NetdevRecord? netdev = null) => new CoreRecord
    {
        Cpu = cpu,
        Plan = new ServicePlan { Image = "/a.sosimg" },
        Service = "a",
        Version = "1.0.0",
        BuildId = "",
        Started = DateTimeOffset.UnixEpoch,
        Cards = [new CardRecord(device, null, null, null) { Netdev = netdev }],
    }.Write(Records);
}
