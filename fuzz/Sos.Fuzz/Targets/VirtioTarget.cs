using System.Collections.Generic;
using System.Linq;
using Sos.Cores;
using Sos.Cores.Devices;
using Sos.Sdk.Control;

namespace Sos.Fuzz.Targets;

internal static class VirtioTarget
{
    private const ulong BarSize = 0x4000;

    public static bool Run(byte[] input)
    {
        try
        {
            VirtioPciCapabilities capabilities = VirtioPciCapabilities.Parse(input);
            FuzzException.Require(capabilities.Bars.All(bar => bar is >= 0 and <= 5), "there are six BARs");
            Dictionary<int, ulong> addresses = capabilities.Bars.ToDictionary(bar => bar, bar => 0x1_0000_0000 * (ulong)(bar + 1));
            Dictionary<int, ulong> sizes = capabilities.Bars.ToDictionary(bar => bar, _ => BarSize);
            VirtioPciLayout layout = capabilities.ToLayout(addresses, sizes, 0x1af4, 0x1041, iommu: false);
            RequireWithin(layout.CommonAddress, layout.CommonLength);
            RequireWithin(layout.NotifyAddress, layout.NotifyLength);
            RequireWithin(layout.IsrAddress, layout.IsrLength);
            if (capabilities.Device is not null)
            {
                RequireWithin(layout.DeviceAddress, layout.DeviceLength);
            }

            return true;
        }
        catch (SosException)
        {
            return false;
        }
    }

    private static void RequireWithin(ulong address, ulong length)
        => FuzzException.Require((address & 0xffff_ffff) + length <= BarSize, "every structure lies within its BAR");
}
