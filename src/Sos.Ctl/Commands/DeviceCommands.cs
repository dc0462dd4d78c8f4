using System.Collections.Generic;
using System.CommandLine;
using System.Linq;
using Sos.Cores.Devices;
using Sos.Cores.Operations;
using Sos.Verbs;

namespace Sos.Ctl.Commands;

/// <summary><c>sosctl device</c>: the cards that services can have.</summary>
internal static class DeviceCommands
{
    public static Command Create(Terminal terminal)
    {
        Command list = new("list", "Show the network cards, and which a service can have");
        list.SetAction(_ => List(terminal));

        Argument<string> claimName = Argument();
        Option<bool> force = new("--force") { Description = "Take it even if the default route goes through it" };
        Command claim = new("claim", "Take a card from Linux, before 'service start' would; its addresses are not kept") { claimName, force };
        claim.SetAction(result => Claim(terminal, result.GetValue(claimName)!, result.GetValue(force)));

        Argument<string> releaseName = Argument();
        Command release = new("release", "Give a card back to Linux") { releaseName };
        release.SetAction(result => Release(terminal, result.GetValue(releaseName)!));
        return new Command("device", "Show the network cards, and move them between Linux and services") { list, claim, release };
    }

    private static Argument<string> Argument() => new("DEVICE") { Description = "PCI address, or name of its network device" };

    private static int List(Terminal terminal)
    {
        List<DeviceEntry> devices = [.. DeviceOperations.List().Select(view => Describe(view.Card, view.Obstacle))];
        terminal.Write(new DeviceListDocument(devices), Documents.Current.DeviceListDocument, output =>
        {
            Terminal.WriteTable(
                output,
                ["ADDRESS", "ID", "DRIVER", "NETDEV", "MAC", "IOMMU", "CONFINED", "CLAIMABLE"],
                devices.Select(device => (IReadOnlyList<string>)
                [
                    device.Address, device.Id, device.Driver ?? "-", device.Interface ?? "-", device.Mac ?? "-", device.IommuGroup ?? "-",
                    device.Confined ? "yes" : $"no: {device.Gap}", device.Obstacle is null ? "yes" : $"no: {device.Obstacle}",
                ]));
            if (devices.Exists(device => device is { Obstacle: null, Confined: false }))
            {
                output.WriteLine("A card that is not confined can reach memory or CPUs that are not its service's: a service that misuses it can, too.");
                output.WriteLine("Without an IOMMU it is taken nevertheless; where there is one that does not confine it, with --force-unconfined alone.");
            }
        });
        return 0;
    }

    private static DeviceEntry Describe(PciDevice card, string? obstacle) => new(
        card.Address.ToString(), $"{card.Vendor:x4}:{card.DeviceId:x4}", card.Driver, card.Interface, card.Mac, card.IommuGroup, card.Confined,
        obstacle is null, obstacle, card.Gap);

    private static int Claim(Terminal terminal, string name, bool force)
    {
        PciDevice card = new DeviceOperations(new CoreBackEnds()).Claim(name, force);
        terminal.Write(new DeviceMovedDocument(card.Address.ToString(), DriverBinding.SosDriver), Documents.Current.DeviceMovedDocument, output =>
            output.WriteLine($"{card.Address} is ready for a service: 'sosctl service start CPU IMAGE --device {card.Address}'"));
        return 0;
    }

    private static int Release(Terminal terminal, string name)
    {
        PciDevice card = new DeviceOperations(new CoreBackEnds()).Release(name);
        string? driver = card.Driver;
        terminal.Write(new DeviceMovedDocument(card.Address.ToString(), driver), Documents.Current.DeviceMovedDocument, output =>
            output.WriteLine(driver is null ? $"{card.Address} has no driver now" : $"{card.Address} is back with {driver}"));
        return 0;
    }
}
