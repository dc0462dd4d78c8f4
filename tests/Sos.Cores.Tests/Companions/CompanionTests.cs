using System.Collections.Generic;
using Sos.Cores.Companions;
using Sos.Cores.Plan;
using Xunit;

namespace Sos.Cores.Tests.Companions;

public class CompanionTests
{
    private static readonly CompanionCatalogue Catalogue = new([new Sieve(), new Clock()]);

    [Theory]
    [InlineData("vlan", "drop")]
    [InlineData("limit", "0")]
    [InlineData("limit", "100")]
    public void ParametersThatExistAreTaken(string name, string value) => Catalogue.Check("sieve", With(name, value));

    [Theory]
    [InlineData("vlna", "drop", "did you mean vlan?")]
    [InlineData("VLAN", "drop", "it has vlan, limit")]
    [InlineData("limits", "1", "did you mean limit?")]
    [InlineData("colour", "red", "it has vlan, limit")]
    [InlineData("vlan", "dorp", "it takes evaluate, accept, drop")]
    [InlineData("vlan", "", "it takes evaluate, accept, drop")]
    [InlineData("limit", "101", "a whole number from 0 to 100")]
    [InlineData("limit", "-1", "a whole number from 0 to 100")]
    [InlineData("limit", "1e2", "a whole number from 0 to 100")]
    [InlineData("limit", " 1", "a whole number from 0 to 100")]
    public void OthersAreRefusedWithWhatThereIs(string name, string value, string advice)
    {
        SosException refused = Assert.Throws<SosException>(() => Catalogue.Check("sieve", With(name, value)));
        Assert.Equal(SosError.Usage, refused.Error);
        Assert.Contains(advice, refused.Message, System.StringComparison.Ordinal);
    }

    [Fact]
    public void AServiceWithoutParametersSaysSo()
    {
        SosException refused = Assert.Throws<SosException>(() => Catalogue.Check("clock", With("vlan", "drop")));
        Assert.Contains("it has none", refused.Message, System.StringComparison.Ordinal);
    }

    [Fact]
    public void AnOptionOfAnotherServiceIsRefused()
    {
        ServicePlan plan = new() { Image = "/a", Options = new Dictionary<string, string> { ["rules"] = "/rules" } };
        Catalogue.Check("sieve", plan);
        Assert.Contains("--rules is for sieve", Assert.Throws<SosException>(() => Catalogue.Check("clock", plan)).Message, System.StringComparison.Ordinal);
        Assert.Contains("--rules is for sieve", Assert.Throws<SosException>(() => Catalogue.Check("mine", plan)).Message, System.StringComparison.Ordinal);
    }

    [Fact]
    public void AnImageWithoutACompanionTakesAnyParameter() => Catalogue.Check("mine", With("colour", "red"));

    private static ServicePlan With(string name, string value)
        => new() { Image = "/a", Parameters = new Dictionary<string, string> { [name] = value } };

    private sealed class Sieve : ICompanion
    {
        public string Service => "sieve";

        public IReadOnlyList<ServiceParameter> Parameters { get; } =
            [ServiceParameter.OneOf("vlan", "evaluate", "accept", "drop"), ServiceParameter.Number("limit", 0, 100)];

        public IReadOnlyList<StartOption> Options { get; } = [new("rules", "Rules", IsFile: true)];
    }

    private sealed class Clock : ICompanion
    {
        public string Service => "clock";

        public IReadOnlyList<ServiceParameter> Parameters => [];
    }
}
