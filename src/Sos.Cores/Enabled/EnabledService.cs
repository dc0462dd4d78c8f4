using System.Text.RegularExpressions;
using Sos.Cores.Plan;

namespace Sos.Cores.Enabled;

/// <summary>A service that sosd starts after each boot: its plan, and the core that it is given.</summary>
public sealed partial record EnabledService
{
    /// <summary>The place in the order of starts where none is given.</summary>
    public const int DefaultOrder = 50;

    /// <summary>The last place in the order: room enough, and few enough digits to compare by eye.</summary>
    public const int OrderMax = 1000;

    /// <summary>The word for the best back end that the machine has.</summary>
    public const string AnyBackEnd = "auto";

    /// <summary>The name by which an administrator knows it, and that of its file.</summary>
    public required string Name { get; init; }

    /// <summary>Logical id of the cpu that becomes its core.</summary>
    public required int Core { get; init; }

    /// <summary>The kind of back end that keeps the core from Linux; null for the best that the machine has.</summary>
    public BackEndKind? BackEnd { get; init; }

    /// <summary>The name that the back end has in files.</summary>
    public string BackEndName => BackEnd?.Word() ?? AnyBackEnd;

    /// <summary>How an unplugged core is to run.</summary>
    public CoreOptions CoreOptions { get; init; } = new();

    /// <summary>Whether the cpu is taken even from threads that may run nowhere else.</summary>
    public bool ForceCore { get; init; }

    /// <summary>Whether sosd holds the network's configuration back until this service was started, or could not be.</summary>
    public bool BeforeNetwork { get; init; }

    /// <summary>Services with a lower number are started first; those with the same one by name.</summary>
    public int Order { get; init; } = DefaultOrder;

    /// <summary>The plan of the service.</summary>
    public required ServicePlan Plan { get; init; }

    /// <summary>Returns whether a text can name an enabled service: letters, digits, '.', '_' and '-', at most 64, the first no sign.</summary>
    public static bool IsName(string name) => NamePattern().IsMatch(name);

    [GeneratedRegex("^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$", RegexOptions.CultureInvariant)]
    private static partial Regex NamePattern();
}
