using System.Collections.Generic;
using System.Globalization;
using System.Linq;
using System.Text;
using Sos.Cores.Network;

namespace Sos.Cores.Carrying;

/// <summary>
/// The work that a card does by itself, as 'ethtool -K' and 'ethtool -L' set it: its driver begins anew with its own defaults. A thing is "NAME on",
/// "NAME off", or "queues COMBINED RECEIVE".
/// </summary>
internal sealed class CardFeatures : ICarriedKind
{
    private const string Queues = "queues";

    /// <inheritdoc/>
    public string Name => "features";

    /// <inheritdoc/>
    public bool IsOfCard => true;

    /// <inheritdoc/>
    public IReadOnlyList<byte[]> Read(CarriedDevice device)
    {
        DeviceFeatures features = DeviceFeatures.Of(device.Link.Name);
        (int combined, int receive) = QueueCount.Read(device.Link.Name);
        return [.. features.Changeable.Select(name => $"{name} {(features.IsWanted(name) ? "on" : "off")}").Append($"{Queues} {combined} {receive}")
            .Select(setting => Encoding.UTF8.GetBytes(setting))];
    }

    /// <inheritdoc/>
    public void Apply(CarriedDevice device, IReadOnlyList<byte[]> things)
    {
        List<string[]> wanted = [.. things.Select(thing => Encoding.UTF8.GetString(thing).Split(' '))];
        if (wanted.Count == 0)
        {
            return;
        }

        try
        {
            foreach (string[] queues in wanted.Where(fields => fields is [Queues, _, _]))
            {
                (int, int) numbers = (int.Parse(queues[1], CultureInfo.InvariantCulture), int.Parse(queues[2], CultureInfo.InvariantCulture));
                if (QueueCount.Read(device.Link.Name) != numbers)
                {
                    QueueCount.Set(device.Link.Name, numbers.Item1, numbers.Item2);
                }
            }

            DeviceFeatures features = DeviceFeatures.Of(device.Link.Name);
            foreach (bool on in new[] { false, true })
            {
                string[] names = [.. wanted.Where(fields => fields.Length == 2 && fields[1] == (on ? "on" : "off")).Select(fields => fields[0])
                    .Where(name => features.IsWanted(name) != on)];
                if (names.Length > 0)
                {
                    features.Set(on, names);
                }
            }
        }
        catch (SosException e)
        {
            device.Problems.Add($"what {device.Link.Name} does by itself is not as it was ('ethtool -k {device.Link.Name}'): {e.Message}");
        }
    }
}
