using System;
using System.Collections.Generic;
using System.Globalization;
using System.Linq;

namespace Sos.Cores.Companions;

/// <summary>A parameter that a service reads.</summary>
/// <param name="Name">Its name.</param>
/// <param name="Values">The values that it may have, in words.</param>
/// <param name="IsValue">Whether a text is one of them.</param>
public sealed record ServiceParameter(string Name, string Values, Predicate<string> IsValue)
{
    /// <summary>The parameters of <c>IdleWait</c>, for services that rest while there is nothing to do.</summary>
    public static IReadOnlyList<ServiceParameter> Idle { get; } =
    [
        OneOf("idle", "spin", "pause", "tpause"),
        Number("idle-bound-ns", 0, ulong.MaxValue),
    ];

    /// <summary>Makes a parameter with a fixed set of values.</summary>
    public static ServiceParameter OneOf(string name, params IReadOnlyList<string> values)
        => new(name, string.Join(", ", values), value => values.Contains(value));

    /// <summary>Makes a parameter that is a whole number.</summary>
    /// <param name="name">Its name.</param>
    /// <param name="least">The least value.</param>
    /// <param name="most">The greatest.</param>
    public static ServiceParameter Number(string name, ulong least, ulong most) => new(
        name,
        most == ulong.MaxValue
            ? string.Create(CultureInfo.InvariantCulture, $"a whole number of at least {least}")
            : string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"),
        value => ulong.TryParse(value, NumberStyles.None, CultureInfo.InvariantCulture, out ulong number) && number >= least && number <= most);

    /// <summary>Refuses parameters that a service does not read, and values that it does not understand.</summary>
    /// <param name="companion">The service's companion.</param>
    /// <param name="given">The parameters by name.</param>
    /// <exception cref="SosException">One is refused; the message names the nearest one that exists.</exception>
    public static void Check(ICompanion companion, IReadOnlyDictionary<string, string> given)
    {
        foreach ((string name, string value) in given)
        {
            if (companion.Parameters.FirstOrDefault(known => known.Name == name) is not { } parameter)
            {
                string all = companion.Parameters.Count == 0 ? "it has none" : $"it has {string.Join(", ", companion.Parameters.Select(known => known.Name))}";
                string nearest = NearestName.Find(name, companion.Parameters.Select(known => known.Name)) is { } meant ? $"did you mean {meant}? " : "";
                throw new SosException(SosError.Usage, $"{companion.Service} has no parameter {name}: {nearest}({all})");
            }

            if (!parameter.IsValue(value))
            {
                throw new SosException(SosError.Usage, $"{companion.Service}'s parameter {name} cannot be \"{value}\": it takes {parameter.Values}");
            }
        }
    }
}
