using System;
using System.Collections.Generic;
using System.IO;
using System.Linq;
using System.Text;
using Sos.Cores.Carrying;
using Sos.Cores.Network;
using Xunit;

namespace Sos.Cores.Tests.Carrying;

/// <summary>The settings of a card's queues are on the device that comes back, though its driver begins anew.</summary>
public sealed class QueueSettingsTests
{
    private static readonly string[] Wanted =
        ["queues/rx-0/rps_cpus 1", "queues/rx-0/rps_flow_cnt 256", "gro_flush_timeout 20000", "napi_defer_hard_irqs 2", "gso_max_size 32000"];

    [Fact]
    public void TheyComeBackWithTheCard()
    {
        using CarriedHost host = new();
        string sys = Directory.CreateTempSubdirectory("sos-sys-").FullName;
        host.Shell($"mount -t sysfs sysfs {sys}"); // of this network namespace
        try
        {
            QueueSettings settings = new("/sys", sys);
            string folder = $"{sys}/class/net/eth0";
            host.Shell(
                $"""
                echo 1 > {folder}/queues/rx-0/rps_cpus
                echo 256 > {folder}/queues/rx-0/rps_flow_cnt
                echo 20000 > {folder}/gro_flush_timeout
                echo 2 > {folder}/napi_defer_hard_irqs
                ip link set eth0 gso_max_size 32000
                """);
            IReadOnlyList<byte[]> things = Read(host, settings);
            Assert.Empty(Wanted.Except(Texts(things)));
            host.PullOut();
            host.PlugIn();
            Assert.Empty(Wanted.Intersect(Texts(Read(host, settings))));
            Assert.Empty(host.Inside(() =>
            {
                using CarriedDevice device = new(NetworkLink.Find("eth0")!);
                settings.Apply(device, things);
                return device.Problems;
            }));
            Assert.Equal(Texts(things), Texts(Read(host, settings)));
        }
        finally
        {
            host.Shell($"umount -l {sys}");
            Directory.Delete(sys);
        }
    }

    /// <summary>The name is a device of another network namespace there: nothing of that is read, or written.</summary>
    [Fact]
    public void AnotherNamespacesSysfsIsNotBelieved()
    {
        using CarriedHost host = new();
        using CarriedHost other = new();
        other.Shell("ip link set eth0 address 02:00:00:00:00:66");
        string sys = Directory.CreateTempSubdirectory("sos-sys-").FullName;
        other.Shell($"mount -t sysfs sysfs {sys}");
        try
        {
            Assert.All(Texts(Read(host, new QueueSettings(sys))), text => Assert.Contains("max_size", text, StringComparison.Ordinal));
        }
        finally
        {
            other.Shell($"umount -l {sys}");
            Directory.Delete(sys);
        }
    }

    private static IReadOnlyList<byte[]> Read(CarriedHost host, QueueSettings settings) => host.Inside(() =>
    {
        using CarriedDevice device = new(NetworkLink.Find("eth0")!);
        return settings.Read(device);
    });

    private static string[] Texts(IEnumerable<byte[]> things) => [.. things.Select(thing => Encoding.UTF8.GetString(thing))];
}
