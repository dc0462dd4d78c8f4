using System.CommandLine;
using Sos.Cores.Plan;

namespace Sos.Verbs;

/// <summary>The options that say when sosd starts a service again. Made anew for each command that has them.</summary>
public sealed class RestartOptions
{
    /// <summary>Makes them.</summary>
    public RestartOptions()
    {
        Mode.AcceptOnlyFromAmong([.. RestartModeWords.All]);
        Limit.Validators.Add(result =>
        {
            if (result.GetValueOrDefault<int>() < 0)
            {
                result.AddError("--restart-limit wants a number that is not negative");
            }
        });
    }

    /// <summary>When.</summary>
    public Option<string> Mode { get; } = new("--restart")
    {
        Description = "When sosd starts it again: never, on-fault, or always (also when it ends by itself)",
        DefaultValueFactory = _ => RestartModeWords.Of(RestartMode.Never),
    };

    /// <summary>How often.</summary>
    public Option<int> Limit { get; } = new("--restart-limit")
    {
        Description = "How often in a row it is started again; 0 for no limit",
        DefaultValueFactory = _ => RestartPolicy.DefaultLimit,
    };

    /// <summary>Reads the policy.</summary>
    public RestartPolicy Read(ParseResult result)
    {
        System.ArgumentNullException.ThrowIfNull(result);
        return new RestartPolicy(RestartModeWords.Parse(result.GetValue(Mode)), result.GetValue(Limit));
    }
}
